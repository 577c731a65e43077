//! Letters and digits as large as a terminal can: five rows of blocks, readable from a sofa.

/// How far somebody is with a character; by its filling, so that it is seen without colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Typed already.
    Done,
    /// The one to type now.
    Here,
    /// Not yet.
    ToCome,
}

/// `text` in blocks, at most `width` columns wide, with a mark beneath the character to type now; as it is, with the mark,
/// where it would not fit. Spaces are gaps between groups, and no characters that are typed. `typed` of the others are done.
pub fn rows(text: &str, typed: usize, width: usize) -> Vec<String> {
    let mut number = 0;
    let characters: Vec<(char, Place)> = text
        .chars()
        .map(|c| {
            let place = match number.cmp(&typed) {
                std::cmp::Ordering::Less => Place::Done,
                std::cmp::Ordering::Equal => Place::Here,
                std::cmp::Ordering::Greater => Place::ToCome,
            };
            number += usize::from(c != ' ');
            (c, place)
        })
        .collect();
    let drawn = text.chars().all(|c| c == ' ' || shape(c) != 0);
    let columns = |scale: usize| {
        characters
            .iter()
            .map(|(c, _)| wide(*c, scale))
            .sum::<usize>()
    };
    match [2, 1]
        .into_iter()
        .find(|scale| drawn && columns(*scale) <= width)
    {
        Some(scale) => {
            let row = |row| {
                characters
                    .iter()
                    .map(|(c, place)| blocks(*c, *place, row, scale))
                    .collect()
            };
            let mut rows: Vec<String> = (0..5).map(row).collect();
            rows.push(mark(&characters, |c| wide(c, scale), 3 * scale));
            rows
        }
        None => vec![text.to_owned(), mark(&characters, |_| 1, 1)],
    }
}

/// Columns of a character with the gap behind it.
const fn wide(c: char, scale: usize) -> usize {
    match c {
        ' ' => 2 * scale,
        _ => 3 * scale + scale,
    }
}

fn blocks(c: char, place: Place, row: usize, scale: usize) -> String {
    if c == ' ' {
        return " ".repeat(wide(c, scale));
    }
    let full = match place {
        Place::Done => "░",
        Place::Here => "█",
        Place::ToCome => "▓",
    };
    let bits = shape(c) >> (3 * (4 - row));
    let pixel = |bit: u32| if (bits >> bit) & 1 == 1 { full } else { " " }.repeat(scale);
    format!("{}{}{}{}", pixel(2), pixel(1), pixel(0), " ".repeat(scale))
}

/// A line beneath the character to type now.
fn mark(characters: &[(char, Place)], wide: impl Fn(char) -> usize, long: usize) -> String {
    let here = characters
        .iter()
        .position(|(c, place)| *place == Place::Here && *c != ' ');
    here.map_or(String::new(), |here| {
        let before = characters[..here].iter().map(|(c, _)| wide(*c)).sum();
        " ".repeat(before) + &"▔".repeat(long)
    })
}

/// Five rows of three, each an octal digit; 0 for what has no shape.
fn shape(c: char) -> u32 {
    match c.to_ascii_uppercase() {
        '0' => 0o75557,
        '1' => 0o26227,
        '2' => 0o71747,
        '3' => 0o71717,
        '4' => 0o55711,
        '5' => 0o74717,
        '6' => 0o74757,
        '7' => 0o71222,
        '8' => 0o75757,
        '9' => 0o75717,
        'A' => 0o25755,
        'B' => 0o65656,
        'C' => 0o34443,
        'D' => 0o65556,
        'E' => 0o74647,
        'F' => 0o74644,
        'G' => 0o34553,
        'H' => 0o55755,
        'I' => 0o72227,
        'J' => 0o11152,
        'K' => 0o55655,
        'L' => 0o44447,
        'M' => 0o57755,
        'N' => 0o65555,
        'O' => 0o25552,
        'P' => 0o65644,
        'Q' => 0o25573,
        'R' => 0o65655,
        'S' => 0o34216,
        'T' => 0o72222,
        'U' => 0o55557,
        'V' => 0o55552,
        'W' => 0o55775,
        'X' => 0o55255,
        'Y' => 0o55222,
        'Z' => 0o71247,
        '-' => 0o00700,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn digits_are_five_rows_with_a_mark_beneath_the_one_to_type() {
        let rows = rows("17", 1, 80);
        assert_eq!(
            rows,
            [
                "  ░░    ██████  ",
                "░░░░        ██  ",
                "  ░░      ██    ",
                "  ░░      ██    ",
                "░░░░░░    ██    ",
                "        ▔▔▔▔▔▔"
            ]
        );
    }

    #[test]
    fn they_are_as_large_as_fits_and_never_wider() {
        for width in [0, 5, 20, 26, 30, 52, 53, 80, 200] {
            let rows = rows("842 913", 0, width);
            let widest = rows.iter().map(|row| row.width()).max().unwrap();
            assert!(widest <= width.max("842 913".len()), "{width}: {widest}");
            assert_eq!(rows.len() == 6, width >= 26, "{width}");
        }
        assert_eq!(
            rows("ж1", 2, 80),
            ["ж1", ""],
            "what has no shape stays as it is"
        );
    }

    #[test]
    fn no_two_characters_look_the_same() {
        let mut shapes: Vec<u32> = ('0'..='9')
            .chain('A'..='Z')
            .chain(['-'])
            .map(shape)
            .collect();
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), 37);
    }
}
