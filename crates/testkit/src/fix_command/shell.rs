//! The part of the POSIX shell that printed commands use: words, quotes, `$(…)` and `&&`.
//! Whatever else a shell would act on is refused, because a person's shell would act on it too.

use std::{iter::Peekable, str::Chars};

use anyhow::{bail, ensure};

/// Commands joined by `&&`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Vec<Word>>);

/// One argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// What the command inside `$(…)` prints.
    Output(Line),
}

impl Line {
    /// Reads a whole command line.
    ///
    /// # Errors
    /// Open quotes, and everything that a shell would treat specially and this does not know.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut chars = text.chars().peekable();
        let line = line(&mut chars)?;
        ensure!(chars.next().is_none(), "a ) too many");
        Ok(line)
    }

    /// Calls `each` for every literal text, those inside `$(…)` too.
    pub fn each_text(&mut self, each: &mut impl FnMut(&mut String)) {
        let words = self.0.iter_mut().flatten();
        for piece in words.flat_map(|word| word.0.iter_mut()) {
            match piece {
                Piece::Text(text) => each(text),
                Piece::Output(inner) => inner.each_text(each),
            }
        }
    }
}

impl Word {
    fn push(&mut self, letter: char) {
        if let Some(Piece::Text(text)) = self.0.last_mut() {
            text.push(letter);
        } else {
            self.0.push(Piece::Text(letter.into()));
        }
    }
}

/// Up to the end or to a `)`, which is left.
fn line(chars: &mut Peekable<Chars<'_>>) -> anyhow::Result<Line> {
    let mut line = Line::default();
    let mut command = Vec::new();
    let mut word: Option<Word> = None;
    while let Some(&letter) = chars.peek() {
        if letter == ')' {
            break;
        }
        chars.next();
        match letter {
            ' ' | '\t' => command.extend(word.take()),
            '&' => {
                ensure!(chars.next() == Some('&'), "a single &");
                command.extend(word.take());
                ensure!(!command.is_empty(), "nothing before &&");
                line.0.push(std::mem::take(&mut command));
            }
            _ => letter_of_word(letter, chars, word.get_or_insert_default())?,
        }
    }
    command.extend(word);
    ensure!(!command.is_empty(), "an empty command");
    line.0.push(command);
    Ok(line)
}

fn letter_of_word(
    letter: char,
    chars: &mut Peekable<Chars<'_>>,
    word: &mut Word,
) -> anyhow::Result<()> {
    match letter {
        '\'' => {
            // An empty pair of quotes is a word too.
            word.0.push(Piece::Text(String::new()));
            loop {
                match chars.next() {
                    Some('\'') => return Ok(()),
                    Some(quoted) => word.push(quoted),
                    None => bail!("an open '"),
                }
            }
        }
        '"' => {
            word.0.push(Piece::Text(String::new()));
            loop {
                match chars.next() {
                    Some('"') => return Ok(()),
                    Some('\\') => match chars.next() {
                        Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                        Some(plain) => {
                            word.push('\\');
                            word.push(plain);
                        }
                        None => bail!("an open \""),
                    },
                    Some('$') => word.0.push(substitution(chars)?),
                    Some('`') => bail!("a ` inside double quotes"),
                    Some(quoted) => word.push(quoted),
                    None => bail!("an open \""),
                }
            }
        }
        '\\' => match chars.next() {
            Some(escaped) => word.push(escaped),
            None => bail!("a \\ at the end"),
        },
        '$' => word.0.push(substitution(chars)?),
        '*' | '?' | '[' | ';' | '|' | '<' | '>' | '`' | '(' | '#' | '~' | '\n' => {
            bail!("an unquoted {letter:?}, on which a shell acts")
        }
        plain => word.push(plain),
    }
    Ok(())
}

/// After the `$`.
fn substitution(chars: &mut Peekable<Chars<'_>>) -> anyhow::Result<Piece> {
    ensure!(
        chars.next() == Some('('),
        "a $ that does not begin a command"
    );
    let inner = line(chars)?;
    ensure!(chars.next() == Some(')'), "an open $(");
    Ok(Piece::Output(inner))
}

#[cfg(test)]
mod tests {
    use super::{Line, Piece};

    /// Words as texts, with `<…>` for what a command prints.
    fn read(text: &str) -> Vec<Vec<String>> {
        fn shown(line: Line) -> Vec<Vec<String>> {
            let word = |pieces: Vec<Piece>| {
                let piece = |piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Output(line) => format!("<{}>", shown(line).concat().join(" ")),
                };
                pieces.into_iter().map(piece).collect::<String>()
            };
            let words = |command: Vec<super::Word>| {
                command.into_iter().map(|found| word(found.0)).collect()
            };
            line.0.into_iter().map(words).collect()
        }
        shown(Line::parse(text).unwrap())
    }

    #[test]
    fn words_quotes_and_inner_commands() {
        assert_eq!(
            read(r#"az x --a "one two" --b 'it'\''s' --c "$(az y --q "[0].v")/z" && az login"#),
            [
                vec![
                    "az",
                    "x",
                    "--a",
                    "one two",
                    "--b",
                    "it's",
                    "--c",
                    "<az y --q [0].v>/z"
                ],
                vec!["az", "login"],
            ]
        );
        assert_eq!(read("az --empty '' \"\""), [["az", "--empty", "", ""]]);
    }

    #[test]
    fn what_a_shell_would_act_on_is_refused() {
        for text in [
            "az cors add --origins *",
            "az x --query [0]",
            "az x; rm y",
            "az x | sh",
            "az x > y",
            "az $HOME",
            "az `x`",
            "az 'open",
            "az \"open",
            "az $(open",
            "az x)",
            "az & az",
            "&& az",
            "",
        ] {
            assert!(Line::parse(text).is_err(), "{text}");
        }
    }
}
