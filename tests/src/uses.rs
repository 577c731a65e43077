//! Which file of a crate uses which other one, by the paths in its source; and the circles that they make.
//!
//! Knows as much of Rust as our own source needs: `use` trees, paths that begin with `crate`, `self`, `super` or a module
//! below, and names that a module hands on. What macros make is not seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A crate's source: each file's path below `src`, and its text.
pub type Source = BTreeMap<PathBuf, String>;

/// Reads the source below a folder.
///
/// # Panics
/// Where it cannot be read.
pub fn source(src: &Path) -> Source {
    let mut source = Source::new();
    let mut open = vec![src.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("the source is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(src).expect("it is below").to_owned();
                source.insert(name, fs::read_to_string(&path).expect("it is text"));
            }
        }
    }
    source
}

/// The circles of files that no single folder holds. `a.rs` belongs to the folder `a` beside it, too.
pub fn circles_across_folders(source: &Source) -> Vec<Vec<&Path>> {
    let mut circles = circles(source);
    circles.retain(|circle| {
        let mut together = folders(circle[0], source);
        for file in &circle[1..] {
            let folders = folders(file, source);
            together.retain(|folder| folders.contains(folder));
        }
        together.is_empty()
    });
    circles
}

/// All circles of files: those that use each other, directly or not, together.
pub fn circles(source: &Source) -> Vec<Vec<&Path>> {
    let uses = uses(source);
    let mut circles: Vec<Vec<&Path>> = Vec::new();
    for &file in uses.keys() {
        if circles.iter().any(|circle| circle.contains(&file)) {
            continue;
        }
        let from_here = below(&uses, file);
        let circle = from_here.into_iter();
        let circle: Vec<&Path> = circle
            .filter(|other| *other != file && below(&uses, other).contains(file))
            .chain([file])
            .collect();
        circles.push(circle);
    }
    circles.retain_mut(|circle| {
        circle.sort_unstable();
        circle.len() > 1
    });
    circles
}

/// Everything that a file uses, directly or not.
fn below<'a>(uses: &BTreeMap<&'a Path, BTreeSet<&'a Path>>, file: &Path) -> BTreeSet<&'a Path> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&'a Path> = uses[file].iter().copied().collect();
    while let Some(file) = open.pop() {
        if seen.insert(file) {
            open.extend(&uses[file]);
        }
    }
    seen
}

/// The folders that a file belongs to.
fn folders(file: &Path, source: &Source) -> Vec<PathBuf> {
    let parent = file.parent().expect("a file is in a folder").to_owned();
    if file.file_name().is_some_and(|name| name == "mod.rs") {
        let above = parent.parent().expect("mod.rs is below src").to_owned();
        return vec![parent, above];
    }
    let own = file.with_extension("");
    match source.keys().any(|other| other.starts_with(&own)) {
        true => vec![parent, own],
        false => vec![parent],
    }
}

/// Which files each file uses.
pub fn uses(source: &Source) -> BTreeMap<&Path, BTreeSet<&Path>> {
    let modules: BTreeMap<Vec<String>, &Path> = source
        .keys()
        .map(|file| (module(file), file.as_path()))
        .collect();
    let read: BTreeMap<Vec<String>, Read> = source
        .iter()
        .map(|(file, text)| (module(file), Read::of(text, &module(file), &modules)))
        .collect();
    let crate_of = Crate { modules, read };
    source
        .keys()
        .map(|file| {
            let paths = &crate_of.read[&module(file)].paths;
            let mut used: BTreeSet<&Path> = paths
                .iter()
                .filter_map(|path| crate_of.file_of(path, &mut HashSet::new()))
                .collect();
            used.remove(file.as_path());
            (file.as_path(), used)
        })
        .collect()
}

/// `qr/grid.rs` is `["qr", "grid"]`; `lib.rs` and `main.rs` are the crate itself.
fn module(file: &Path) -> Vec<String> {
    let mut module: Vec<String> = file
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

struct Crate<'a> {
    modules: BTreeMap<Vec<String>, &'a Path>,
    read: BTreeMap<Vec<String>, Read>,
}

impl<'a> Crate<'a> {
    /// The file in which the last part of a path is written down: names are followed where a module hands them on.
    fn file_of(&self, path: &[String], seen: &mut HashSet<Vec<String>>) -> Option<&'a Path> {
        let depth = (0..=path.len()).rev();
        let depth = depth
            .into_iter()
            .find(|&n| self.modules.contains_key(&path[..n]))?;
        let (module, rest) = path.split_at(depth);
        let handed_on = rest
            .first()
            .and_then(|name| self.read[module].names.get(name));
        match handed_on {
            Some(target) if seen.insert(path.to_vec()) => {
                let target: Vec<String> = target.iter().chain(&rest[1..]).cloned().collect();
                self.file_of(&target, seen)
            }
            _ => self.modules.get(module).copied(),
        }
    }
}

/// What a file's text says: paths from the root of the crate, and what the names that it imports stand for.
#[derive(Default)]
struct Read {
    paths: Vec<Vec<String>>,
    names: BTreeMap<String, Vec<String>>,
}

impl Read {
    fn of(text: &str, module: &[String], modules: &BTreeMap<Vec<String>, &Path>) -> Read {
        let tokens = without_tests(tokens(text));
        let mut read = Read::default();
        let mut at = 0;
        while at < tokens.len() {
            let imports = tokens[at] == "use";
            let begin = at + usize::from(imports);
            // `use a::b` and `a::b` begin a path; `x.a::<T>` and the middle of a path do not.
            let starts = at == 0 || !matches!(tokens[at - 1].as_str(), "::" | ".");
            let Some(first) = tokens.get(begin).filter(|_| starts) else {
                at += 1;
                continue;
            };
            let child = || [module, std::slice::from_ref(first)].concat();
            let is_path = imports || tokens.get(begin + 1).is_some_and(|next| next == "::");
            let ours = matches!(first.as_str(), "crate" | "self" | "super")
                || modules.contains_key(&child());
            if is_path && ours {
                let mut tree = Tree {
                    tokens: &tokens,
                    at: begin,
                    module,
                    imports,
                    read: &mut read,
                };
                tree.read(&[]);
                at = tree.at.max(at + 1);
            } else {
                at += 1;
            }
        }
        read
    }
}

/// Takes a path apart, with everything in its braces.
struct Tree<'a> {
    tokens: &'a [String],
    at: usize,
    module: &'a [String],
    imports: bool,
    read: &'a mut Read,
}

impl Tree<'_> {
    fn read(&mut self, before: &[String]) {
        let mut path = before.to_vec();
        let mut is_first = before.is_empty();
        while let Some(token) = self.tokens.get(self.at) {
            match token.as_str() {
                "crate" if is_first => path.clear(),
                "self" if is_first => path = self.module.to_vec(),
                "super" if is_first => path = self.module[..self.module.len() - 1].to_vec(),
                "super" => drop(path.pop()),
                "self" => {}
                "{" if self.imports => return self.braces(&path),
                "*" => {}
                name if is_name(name) => {
                    if is_first {
                        path = self.module.to_vec();
                    }
                    path.push(name.to_owned());
                }
                _ => break,
            }
            is_first = false;
            self.at += 1;
            match self.tokens.get(self.at).map(String::as_str) {
                Some("::") => self.at += 1,
                Some("as") if self.imports => {
                    if let Some(name) = self.tokens.get(self.at + 1) {
                        self.read.names.insert(name.clone(), path.clone());
                    }
                    self.at += 2;
                    break;
                }
                _ => break,
            }
        }
        if self.imports
            && let Some(name) = path.last()
        {
            self.read.names.insert(name.clone(), path.clone());
        }
        self.read.paths.push(path);
    }

    fn braces(&mut self, before: &[String]) {
        self.at += 1;
        while let Some(token) = self.tokens.get(self.at) {
            match token.as_str() {
                "}" => {
                    self.at += 1;
                    return;
                }
                "," => self.at += 1,
                "self" => {
                    self.read.paths.push(before.to_vec());
                    self.at += 1;
                }
                _ => {
                    let from = self.at;
                    match before.is_empty() {
                        // Below `crate::{…}`: not from the module, but from the root.
                        true => self.below_root(),
                        false => self.read(before),
                    }
                    self.at = self.at.max(from + 1);
                }
            }
        }
    }

    fn below_root(&mut self) {
        let module = std::mem::take(&mut self.module);
        self.read(&[]);
        self.module = module;
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Takes out `#[cfg(test)] mod tests { … }`: tests may use what they like.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        let marked = rest.len() > 10 && rest.iter().zip(MARK).all(|(token, mark)| token == mark);
        if !(marked && rest[7] == "mod" && rest[9] == "{") {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += 10;
        let mut depth = 1;
        while depth > 0 && at < tokens.len() {
            depth += i32::from(tokens[at] == "{") - i32::from(tokens[at] == "}");
            at += 1;
        }
    }
    kept
}

/// Names, `::` and single characters, without comments, texts and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_text(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = rest.find('"').expect("a raw text has one") + 1;
            rest[open..]
                .find(&end)
                .map_or(rest.len(), |at| open + at + end.len())
        } else if first == '"' || rest.starts_with("b\"") {
            let open = rest.find('"').expect("it begins with one") + 1;
            open + quoted(&rest[open..], '"')
        } else if first == '\'' {
            let inside = &rest[1..];
            let is_character = inside.starts_with('\\')
                || inside.chars().nth(1).is_some_and(|second| second == '\'');
            match is_character {
                true => 1 + quoted(inside, '\''),
                false => 1, // a lifetime, whose name is a token that nobody looks for
            }
        } else if is_name(rest) {
            let end = |c: char| !(c.is_alphanumeric() || c == '_');
            let length = rest.find(end).unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// How many `#` a raw text has here, if one begins.
fn raw_text(text: &str) -> Option<usize> {
    let text = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let hashes = text.len() - text.trim_start_matches('#').len();
    text[hashes..].starts_with('"').then_some(hashes)
}

/// Up to and with the closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(files: &[(&str, &str)]) -> Source {
        files
            .iter()
            .map(|(name, text)| (PathBuf::from(name), (*text).to_owned()))
            .collect()
    }

    fn used(source: &Source, file: &str) -> Vec<String> {
        uses(source)[Path::new(file)]
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    }

    #[test]
    fn every_way_of_naming_a_module_is_seen() {
        let source = made(&[
            (
                "lib.rs",
                "mod a; mod b; mod c; mod d; pub use b::Bee; pub use self::c::{Sea as See};",
            ),
            (
                "a.rs",
                "use crate::{Bee, c::{self, x}}; fn f() { crate::d::g(); own::h() }\nmod own;",
            ),
            ("a/own.rs", "use super::super::d; use super::f;"),
            ("b.rs", "use crate::See;"),
            (
                "c.rs",
                "// use crate::a;\nconst T: &str = \"crate::a::f\"; const Q: char = '\"'; const R: &str = r#\"crate::a\"#;",
            ),
            (
                "d.rs",
                "#[cfg(test)]\nmod tests { use crate::a; fn t() { {} } }\nfn f<'a>(x: &'a str) { x.a::<u8>() }",
            ),
        ]);
        assert_eq!(used(&source, "a.rs"), ["a/own.rs", "b.rs", "c.rs", "d.rs"]);
        assert_eq!(used(&source, "a/own.rs"), ["a.rs", "d.rs"]);
        assert_eq!(
            used(&source, "b.rs"),
            ["c.rs"],
            "by the name that lib.rs gives it"
        );
        assert_eq!(
            used(&source, "c.rs"),
            Vec::<String>::new(),
            "comments and texts"
        );
        assert_eq!(used(&source, "d.rs"), Vec::<String>::new(), "tests");
    }

    #[test]
    fn a_circle_across_folders_is_found_and_one_within_a_folder_is_not() {
        let within = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod one; use self::one::One; use crate::b::B;"),
            ("a/one.rs", "use super::A; use super::two::Two;"),
            ("a/two.rs", "use super::one::One;"),
            ("b.rs", "use crate::a::A;"),
        ];
        let across = made(&within);
        let circles = circles_across_folders(&across);
        assert_eq!(circles.len(), 1, "{circles:?}");
        assert_eq!(circles[0].len(), 4, "b, a and both below it: {circles:?}");
        let mut without = across.clone();
        without.insert("b.rs".into(), "struct B;".into());
        assert_eq!(circles_across_folders(&without), Vec::<Vec<&Path>>::new());
        assert_eq!(
            super::circles(&without),
            [["a/one.rs", "a/two.rs", "a.rs"].map(Path::new)],
            "which is one all the same"
        );
    }
}
