//! The first lines of a text, as they are: tags are letters like any other.

/// Lines of a tile.
const LINES: usize = 9;
/// Characters of a line.
const WIDTH: usize = 80;

/// The first lines of bytes that should be UTF-8; a character cut at the end is left out.
///
/// # Errors
/// When they are no text.
pub(super) fn of_bytes(bytes: &[u8]) -> Result<Vec<String>, String> {
    if bytes.contains(&0) {
        return Err("This is not text: it holds binary data.".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let end = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    Ok(of_text(&String::from_utf8_lossy(&bytes[..end])))
}

/// The first lines of a text.
pub(super) fn of_text(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let line = line.trim_end().chars().map(|character| match character {
                '\t' => ' ',
                other => other,
            });
            line.filter(|character| !character.is_control())
                .take(WIDTH)
                .collect::<String>()
        })
        .skip_while(String::is_empty)
        .take(LINES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of_bytes;

    #[test]
    fn the_first_lines_as_they_are() {
        let lines = of_bytes(b"\xEF\xBB\xBF\n\n<b>one</b>\r\n\ttwo\x07\n\nthree \xC3").unwrap();
        assert_eq!(lines, ["<b>one</b>", " two", "", "three"]);
        let many = of_bytes("x".repeat(500).as_bytes()).unwrap();
        assert_eq!((many.len(), many[0].len()), (1, 80));
        assert_eq!(of_bytes(&b"y\n".repeat(50)).unwrap().len(), 9);
        assert!(of_bytes(b"GIF\0").unwrap_err().contains("binary"));
        assert!(of_bytes(b"").unwrap().is_empty());
    }
}

#[cfg(test)]
mod fuzz {
    use super::{LINES, WIDTH, of_bytes};

    /// A tile holds so many lines of so many letters, and nothing that a letter is not.
    #[test]
    fn first_lines() {
        let seeds: [&[u8]; 2] = [
            b"\xEF\xBB\xBF\n<b>one</b>\r\n\ttwo\x07\nthree \xC3",
            b"a\xFFb",
        ];
        ::fuzz::bytes(
            "first_lines",
            &seeds,
            &["\n", "\r\n", "\u{202e}", "\u{85}"],
            |input| {
                let Ok(lines) = of_bytes(input) else {
                    return assert!(input.contains(&0));
                };
                assert!(lines.len() <= LINES);
                for line in &lines {
                    assert!(line.chars().count() <= WIDTH && !line.contains(char::is_control));
                }
            },
        );
    }
}
