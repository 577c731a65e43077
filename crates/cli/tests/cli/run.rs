//! The built `couchkey` as a person or a script runs it: a data directory of its own, the file keyring, a passphrase.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

pub const PASSPHRASE: &str = "wide open window";

/// The secret of RFC 4226 and 6238: easy to look for in every spelling.
pub const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

pub const STREAM_TV: &str = "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV";

/// A directory that goes away with the test: what runs in it has its home, its temporary files and its sockets there.
pub struct Home {
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        for name in ["tmp", "runtime"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::write(path.join("passphrase"), PASSPHRASE).unwrap();
        Self {
            path,
            _folder: folder,
        }
    }

    /// With a vault in it.
    pub fn with_vault() -> Self {
        let home = Self::new();
        let made = home.run(&["init"], "");
        assert_eq!(made.code, 0, "a vault can be made: {}", made.stderr);
        home
    }

    /// With a vault and these accounts.
    pub fn with(uris: &[&str]) -> Self {
        let home = Self::with_vault();
        let added = home.run(&["add", "-", "--allow-duplicate"], &uris.join("\n"));
        assert_eq!(added.code, 0, "they can be added: {}", added.stderr);
        home
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// `couchkey ARGUMENTS` with the right passphrase on descriptor 3 and `input` on standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Run {
        let mut all = vec!["--passphrase-fd", "3"];
        all.extend(arguments);
        self.run_bare(&all, input.as_bytes())
    }

    /// The same, and the JSON that it prints.
    pub fn json(&self, arguments: &[&str], input: &str) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let run = self.run(&all, input);
        serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?} prints JSON ({error}): {run:?}"))
    }

    /// Without the option for the passphrase; descriptor 3 has it all the same.
    pub fn run_bare(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that needs no input may be gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap().into()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        // The shell opens descriptor 3, which Rust's standard library has no safe way to hand over.
        let mut command = Command::new("sh");
        command
            .env_clear()
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<\"$HOME/passphrase\"",
                env!("CARGO_BIN_EXE_couchkey"),
            ])
            .args(["--keyring", "file", "--data-dir"])
            .arg(self.path.join("vault"))
            .args(arguments)
            .envs(self.environment());
        command
    }

    /// Whatever a test does wrong, it never meets the keyring, the display or the files of whoever runs it.
    pub fn environment(&self) -> [(&'static str, OsString); 6] {
        [
            ("HOME", self.path.clone().into()),
            ("TMPDIR", self.file("tmp").into()),
            ("XDG_RUNTIME_DIR", self.file("runtime").into()),
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "xterm".into()),
        ]
    }
}

/// What a command did.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output
                .status
                .code()
                .expect("it ended by itself, not by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The code of the error that `--json` printed.
    pub fn error(&self) -> String {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("an error as JSON ({error}): {self:?}"));
        for part in ["message", "hint"] {
            assert!(
                value["error"][part]
                    .as_str()
                    .is_some_and(|text| text.len() > 8),
                "every error says what happened and what to do: {self:?}"
            );
        }
        assert!(
            self.stderr.contains("error: ") && self.stderr.contains("hint: "),
            "and tells people too: {self:?}"
        );
        value["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// A picture of QR codes side by side.
pub fn picture(path: &Path, texts: &[&str]) {
    let modules: Vec<qrcode::QrCode> = texts
        .iter()
        .map(|text| qrcode::QrCode::new(text.as_bytes()).unwrap())
        .collect();
    let scale = 6;
    let quiet = 4;
    let side = modules.iter().map(|code| code.width()).max().unwrap() + 2 * quiet;
    let width = u32::try_from(side * scale * texts.len()).unwrap();
    let height = u32::try_from(side * scale).unwrap();
    let mut image = image::GrayImage::from_pixel(width, height, image::Luma([255]));
    for (index, code) in modules.iter().enumerate() {
        for (at, colour) in code.to_colors().into_iter().enumerate() {
            if colour == qrcode::Color::Dark {
                let (x, y) = (
                    at % code.width() + quiet + index * side,
                    at / code.width() + quiet,
                );
                for (dx, dy) in (0..scale * scale).map(|n| (n % scale, n / scale)) {
                    let (x, y) = ((x * scale + dx) as u32, (y * scale + dy) as u32);
                    image.put_pixel(x, y, image::Luma([0]));
                }
            }
        }
    }
    image.save(path).unwrap();
}
