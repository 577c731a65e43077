//! The set-up links in a text of whatever kind: lists with any separator, JSON, prose, Markdown, tables.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its line, from 1.
    pub line: usize,
    /// The text itself. It may be a secret.
    pub text: &'a str,
    /// It begins as a set-up link; otherwise it is what nobody can use.
    pub is_link: bool,
}

/// What begins a link wherever it stands.
const ANYWHERE: [&str; 3] = ["apple-otpauth://", "otpauth://", "otpauth-migration:"];
/// What begins a link at the beginning of a line and behind a separator; elsewhere it is a part of a word.
const BEHIND_SEPARATOR: [&str; 3] = ["steam://", "motp://", "phonefactor://"];

/// Every set-up link of a text, and every line without one, in order. Each `otpauth://` begins a link, for a link that
/// swallows the next one would show its secret as a name; what ends one (the end of the line, the closing quotation mark
/// or bracket, a comma or a semicolon before something else) is no part of it.
///
/// Lines without a link are left out where they are empty or a comment that begins with `#`. Remarks before and behind a
/// link are left out too, unless they could be a key that lost its link.
///
/// ```
/// use couchkey_otp::otpauth;
///
/// let text = r#"["otpauth://totp/A:a?secret=GEZDGNBV&issuer=A","otpauth://totp/B:b?secret=GEZDGNBV"]"#;
/// let links: Vec<&str> = otpauth::find(text).iter().map(|piece| piece.text).collect();
/// assert_eq!(links, ["otpauth://totp/A:a?secret=GEZDGNBV&issuer=A", "otpauth://totp/B:b?secret=GEZDGNBV"]);
/// ```
pub fn find(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for (at, line) in text.lines().enumerate() {
        in_line(at + 1, line.trim(), &mut pieces);
    }
    pieces
}

fn in_line<'a>(number: usize, line: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let piece = |text, is_link| Piece {
        line: number,
        text,
        is_link,
    };
    let starts = starts(line);
    let Some(&first) = starts.first() else {
        if !line.is_empty() && !line.starts_with('#') {
            pieces.push(piece(line, false));
        }
        return;
    };
    if may_be_a_key(&line[..first]) {
        pieces.push(piece(line[..first].trim_matches(is_separator), false));
    }
    // Where nothing but links stands in a line, blanks may be a part of them.
    let is_bare = first == 0 && starts.len() == 1;
    for (at, &start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(line.len());
        let whole = &line[start..end];
        let link = cut(whole, line[..start].chars().next_back(), is_bare);
        pieces.push(piece(link, true));
        let rest = &whole[link.len()..];
        if may_be_a_key(rest) {
            pieces.push(piece(rest.trim_matches(is_separator), false));
        }
    }
}

/// Where links begin, in bytes.
fn starts(line: &str) -> Vec<usize> {
    let begins = |at: usize, scheme: &&str| {
        let head = line.as_bytes().get(at..at + scheme.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let mut starts = Vec::new();
    let mut before = None;
    let mut next = 0;
    for (at, c) in line.char_indices() {
        if at >= next {
            let behind = before.is_none_or(|c| is_separator(c) || is_opening(c));
            let anywhere = ANYWHERE.iter().find(|scheme| begins(at, scheme));
            let found = anywhere.or_else(|| {
                let mut others = BEHIND_SEPARATOR.iter().filter(|_| behind);
                others.find(|scheme| begins(at, scheme))
            });
            if let Some(scheme) = found {
                starts.push(at);
                next = at + scheme.len();
            }
        }
        before = Some(c);
    }
    starts
}

/// The link at the beginning of a text that goes on until the next link or the end of the line.
fn cut(whole: &str, before: Option<char>, is_bare: bool) -> &str {
    let mut link = whole;
    if let Some(closing) = before.and_then(closing) {
        link = &link[..closes(link, before, closing).unwrap_or(link.len())];
    }
    let query = link.find('?').map_or(link.len(), |at| at + 1);
    link = &link[..query + query_end(&link[query..], is_bare)];
    // What is left of the separators between two links, and of brackets around both.
    loop {
        let trimmed = link.trim_end_matches(|c| is_separator(c) || c == '&');
        let trimmed = match trimmed.chars().next_back() {
            Some(c) if is_quote(c) => &trimmed[..trimmed.len() - c.len_utf8()],
            Some(c @ (')' | ']' | '}')) if unbalanced(trimmed, c) => &trimmed[..trimmed.len() - 1],
            Some('(' | '[' | '{') => &trimmed[..trimmed.len() - 1],
            Some('+') if !is_bare => &trimmed[..trimmed.len() - 1],
            Some('.' | '!' | ':') if !is_bare => &trimmed[..trimmed.len() - 1],
            _ => trimmed,
        };
        if trimmed.len() == link.len() {
            return link;
        }
        link = trimmed;
    }
}

/// Where the query of a link ends, by what no query has in it.
fn query_end(query: &str, is_bare: bool) -> usize {
    let mut value = 0;
    for (at, c) in query.char_indices() {
        let rest = &query[at..];
        let behind = &rest[c.len_utf8()..];
        match c {
            '&' if ["&quot;", "&lt;", "&gt;", "&#34;", "&#39;"]
                .iter()
                .any(|entity| rest.starts_with(entity)) =>
            {
                return at;
            }
            '&' | '?' => value = at + 1,
            '"' | '<' | '>' | '`' | '{' | '}' | '|' | '\\' | '^' => return at,
            c if c.is_control() || (is_quote(c) && c != '\'') => return at,
            ',' | ';' if ends_at_comma(c, &query[value..at], behind, is_bare) => return at,
            c if c.is_whitespace() && ends_at_blank(&query[value..], at - value, is_bare) => {
                return at;
            }
            _ => {}
        }
    }
    query.len()
}

/// Whether a comma or a semicolon in a query ends it: nothing but a name has one, and then a blank behind it, as in
/// `Foo,%20Inc.`; and a semicolon ends `&amp;`.
fn ends_at_comma(c: char, before: &str, behind: &str, is_bare: bool) -> bool {
    let (name, value) = before.split_once('=').unwrap_or((before, ""));
    let is_entity = value.is_empty() && matches!(name, "amp" | "#38" | "#x26" | "#x3D" | "#61");
    let next_parameter = c == ';'
        && behind
            .split_once('=')
            .is_some_and(|(name, _)| is_word(name));
    let is_name = name
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("issuer"));
    let blank = behind.starts_with("%20") || behind.starts_with('+');
    let raw_blank = is_bare && behind.starts_with(' ');
    !(is_entity || next_parameter || is_name && (blank || raw_blank))
}

/// Whether a blank in a query ends it. It does not where a parameter comes behind it, nor in the name of a service that
/// has the line to itself, nor between the groups of a key.
fn ends_at_blank(parameters: &str, at: usize, is_bare: bool) -> bool {
    let (before, behind) = parameters.split_at(at);
    let mut parts = behind.split(['&', '?']).skip(1);
    if parts.any(|part| part.split_once('=').is_some_and(|(name, _)| is_word(name))) {
        return false;
    }
    let name = before.split('=').next().unwrap_or_default();
    let value = parameters.split_once('=').map_or("", |(_, value)| value);
    match name.rsplit(';').next().unwrap_or_default() {
        name if name.eq_ignore_ascii_case("issuer") => !is_bare,
        name if name.eq_ignore_ascii_case("secret") => !is_grouped(value),
        _ => true,
    }
}

/// `JBSW Y3DP EHPK 3PXP`: groups of one length, of which the last may be shorter.
fn is_grouped(value: &str) -> bool {
    let groups: Vec<&str> = value.split_whitespace().collect();
    let Some((last, others)) = groups.split_last() else {
        return true;
    };
    let length = others.first().map_or(last.len(), |first| first.len());
    length <= 8 && last.len() <= length && others.iter().all(|group| group.len() == length)
}

fn is_word(name: &str) -> bool {
    let name = name.trim_start_matches("amp;").trim();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a remark beside a link could be a key that lost its own: sixteen characters of base32 in a row.
fn may_be_a_key(remark: &str) -> bool {
    let words = remark.split(|c: char| !c.is_ascii_alphanumeric());
    let is_base32 = |word: &str| {
        word.len() >= 16 && word.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
    };
    words.into_iter().any(is_base32)
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '|' | '、' | '，' | '；')
}

fn is_opening(c: char) -> bool {
    closing(c).is_some() || matches!(c, '=' | ':')
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»'
    )
}

/// What closes what a character opens.
fn closing(opening: char) -> Option<char> {
    Some(match opening {
        '"' | '\'' | '`' => opening,
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        '“' => '”',
        '„' => '“',
        '‘' => '’',
        '‚' => '‘',
        '«' => '»',
        '»' => '«',
        _ => return None,
    })
}

/// Where the closing character stands; brackets may have others between them.
fn closes(text: &str, opening: Option<char>, closing: char) -> Option<usize> {
    let mut open = 0;
    for (at, c) in text.char_indices() {
        if c == closing {
            if open == 0 {
                return Some(at);
            }
            open -= 1;
        } else if Some(c) == opening {
            open += 1;
        }
    }
    None
}

/// Whether a closing bracket at the end has nothing to close.
fn unbalanced(text: &str, closing: char) -> bool {
    let opening = match closing {
        ')' => '(',
        ']' => '[',
        _ => '{',
    };
    text.matches(closing).count() > text.matches(opening).count()
}
