//! Prints each measurement as it comes, and all of them as one table at the end.

use std::io::Write;

/// All lines of a run.
#[derive(Debug, Default)]
pub struct Report(Vec<Line>);

#[derive(Debug)]
struct Line {
    work: String,
    figures: String,
    result: String,
    reach: &'static str,
    reached: bool,
}

/// Writes one line at once; nobody is left to tell when standard output is gone.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

impl Report {
    /// `result` against `reach`: "at most" or "at least", as the caller decided in `reached`.
    pub fn add(
        &mut self,
        work: &str,
        figures: String,
        result: String,
        reach: &'static str,
        reached: bool,
    ) {
        say(&format!(
            "{work}: {result} (reach {reach}{}); {figures}",
            if reached { "" } else { ", MISSED" }
        ));
        self.0.push(Line {
            work: work.to_owned(),
            figures,
            result,
            reach,
            reached,
        });
    }

    /// The table, in Markdown.
    pub fn print(&self) {
        say("\n| work | result | reach | reached | figures |\n|---|---|---|---|---|");
        for line in &self.0 {
            let reached = if line.reached { "yes" } else { "no" };
            say(&format!(
                "| {} | {} | {} | {reached} | {} |",
                line.work, line.result, line.reach, line.figures
            ));
        }
    }
}
