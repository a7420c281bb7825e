//! What the demo prints: a few lines while it works, one table at the end.

use std::io::Write;

/// One line for the person watching, written at once.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell when standard output is gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What was proven, a row for each way to connect.
#[derive(Debug, Default)]
pub struct Report(Vec<Row>);

/// One way to connect and what was seen of it; each cell is the fact, or why it is not so.
#[derive(Debug)]
pub struct Row {
    pub way: &'static str,
    pub cells: Vec<(&'static str, Result<String, String>)>,
}

impl Report {
    /// Adds a row, and prints at once what did not hold.
    pub fn add(&mut self, row: Row) {
        for (what, cell) in &row.cells {
            if let Err(why) = cell {
                say(&format!("      NOT TRUE, {what}: {why}"));
            }
        }
        self.0.push(row);
    }

    /// Was every cell of every row proven?
    pub fn all_true(&self) -> bool {
        !self.0.is_empty()
            && self
                .0
                .iter()
                .all(|row| row.cells.iter().all(|(_, cell)| cell.is_ok()))
    }

    /// The table and its verdict.
    pub fn print(&self) {
        let headings: Vec<&str> = self
            .0
            .iter()
            .max_by_key(|row| row.cells.len())
            .map(|row| row.cells.iter().map(|(what, _)| *what).collect())
            .unwrap_or_default();
        let lines: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|row| {
                let cell = |what: &&str| {
                    let found = row.cells.iter().find(|(name, _)| name == what);
                    match found {
                        Some((_, Ok(fact))) => format!("yes, {fact}"),
                        Some((_, Err(_))) => "NO".to_owned(),
                        None => "not reached".to_owned(),
                    }
                };
                std::iter::once(row.way.to_owned())
                    .chain(headings.iter().map(cell))
                    .collect()
            })
            .collect();
        let titles: Vec<String> = std::iter::once("connected by")
            .chain(headings)
            .map(str::to_owned)
            .collect();
        let widths: Vec<usize> = (0..titles.len())
            .map(|column| {
                lines
                    .iter()
                    .chain([&titles])
                    .map(|line| line[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let show = |line: &Vec<String>| {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            say(&format!("| {} |", cells.join(" | ")));
        };
        say("");
        show(&titles);
        show(&widths.iter().map(|width| "-".repeat(*width)).collect());
        lines.iter().for_each(show);
        say(if self.all_true() {
            "\nAll of it is true."
        } else {
            "\nNot all of it is true; the reasons are above."
        });
    }
}
