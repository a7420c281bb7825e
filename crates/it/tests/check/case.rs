//! One row of the table: what is checked, the cause that must be named, and what the printed fix does.

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use testkit::{FixCommand, Settings};

use super::lab::Lab;

/// A seeded misconfiguration and what the check must say about it.
pub struct Case {
    /// `azure`, `azure_sas`, `azure_spi`, `azure_mi` or `azure_link`.
    pub kind: &'static str,
    pub direction: Direction,
    /// The storage as a person would fill it in.
    pub fields: Value,
    expected: Expected,
    /// Azure's own code, where several share a cause.
    azure_code: Option<&'static str>,
    /// What the words of the cause or the fix must contain.
    says: Vec<String>,
    fix: Fix,
    /// What the person puts in the place of words in capitals.
    fills: Vec<(&'static str, String)>,
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Source,
    Target,
}

struct Expected {
    step: &'static str,
    state: &'static str,
    code: &'static str,
}

/// What is done about it.
enum Fix {
    /// Words for people, or a command that only looks.
    Words,
    /// The printed commands, one check after the other until nothing fails; what one prints is
    /// entered in this field.
    Commands {
        at_most: usize,
        enter: Option<&'static str>,
    },
}

impl Case {
    /// This step fails with this code, and no other step does.
    pub fn new(
        (kind, fields): (&'static str, Value),
        step: &'static str,
        code: &'static str,
    ) -> Self {
        Self {
            kind,
            direction: Direction::Source,
            fields,
            expected: Expected {
                step,
                state: "failed",
                code,
            },
            azure_code: None,
            says: Vec::new(),
            fix: Fix::Words,
            fills: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Of a target storage.
    pub fn target(mut self) -> Self {
        self.direction = Direction::Target;
        self
    }

    /// The step ends in another state than `failed`, and none fails.
    pub fn state(mut self, state: &'static str) -> Self {
        self.expected.state = state;
        self
    }

    /// Azure's answer is shown with this code.
    pub fn azure_code(mut self, code: &'static str) -> Self {
        self.azure_code = Some(code);
        self
    }

    /// The cause or the fix contains this.
    pub fn says(mut self, text: impl Into<String>) -> Self {
        self.says.push(text.into());
        self
    }

    /// Running the printed command turns the check green.
    pub fn fixed(self) -> Self {
        self.fixed_by(1)
    }

    /// So does running what each of at most this many checks prints.
    pub fn fixed_by(mut self, at_most: usize) -> Self {
        self.fix = Fix::Commands {
            at_most,
            enter: None,
        };
        self
    }

    /// So does entering what the printed command prints in this field.
    pub fn fixed_by_entering(mut self, field: &'static str) -> Self {
        self.fix = Fix::Commands {
            at_most: 1,
            enter: Some(field),
        };
        self
    }

    /// The person knows what stands for this word in capitals.
    pub fn fill(mut self, placeholder: &'static str, value: impl Into<String>) -> Self {
        self.fills.push((placeholder, value.into()));
        self
    }

    /// Longshore runs with this in its environment.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings
            .environment
            .push((name.to_owned(), value.into()));
        self
    }
}

/// Starts a local Azure, seeds it, starts Longshore, and sees that the case holds.
pub async fn holds(seed: impl AsyncFnOnce(&Lab) -> anyhow::Result<Case>) -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let case = seed(&lab).await?;
    let longshore = lab.longshore(&case).await?;
    let report = lab.check(&longshore, &case).await?;
    named(&report, &case).with_context(|| format!("{report:#}"))?;
    lab.shows_no_secret(&longshore, &case, &report).await?;
    if let Fix::Commands { at_most, enter } = case.fix {
        fixed(&lab, &longshore, case, report, at_most, enter).await?;
    }
    Ok(())
}

/// The seeded cause, and no other.
fn named(report: &Value, case: &Case) -> anyhow::Result<()> {
    let Expected { step, state, code } = case.expected;
    let wrong: Vec<&Value> = steps(report)
        .filter(|step| {
            !matches!(
                step["state"].as_str(),
                Some("passed" | "skipped" | "advice")
            )
        })
        .collect();
    let expected = if state == "advice" { 0 } else { 1 };
    ensure!(
        wrong.len() == expected,
        "{} steps are not green",
        wrong.len()
    );
    let found = steps(report).find(|found| found["id"] == step);
    let found = found.with_context(|| format!("no step {step}"))?;
    ensure!(found["state"] == state, "{step} is {}", found["state"]);
    ensure!(found["code"] == code, "{step} says {}", found["code"]);
    if let Some(azure_code) = case.azure_code {
        ensure!(
            found["azure"]["code"] == azure_code,
            "Azure's code {} instead of {azure_code}",
            found["azure"]["code"]
        );
    }
    let text = format!("{} {}", found["cause"], found["fix"]);
    for part in &case.says {
        ensure!(text.contains(part), "{part:?} is not in: {text}");
    }
    ensure!(text.contains("\"text\""), "no fix: {text}");
    Ok(())
}

/// Runs what is printed until nothing fails.
async fn fixed(
    lab: &Lab,
    longshore: &testkit::Longshore,
    mut case: Case,
    mut report: Value,
    at_most: usize,
    enter: Option<&'static str>,
) -> anyhow::Result<()> {
    for _ in 0..at_most {
        let mut command = FixCommand::parse(&printed(&report, &case.expected)?)?;
        for (placeholder, value) in &case.fills {
            if command
                .placeholders()
                .iter()
                .any(|open| placeholder.contains(open.as_str()))
            {
                command = command.fill(placeholder, value)?;
            }
        }
        let output = command.apply(&lab.azure, &lab.tenant).await?;
        if let Some(field) = enter {
            case.fields[field] = Value::String(output);
        }
        report = lab.check(longshore, &case).await?;
        lab.shows_no_secret(longshore, &case, &report).await?;
        if is_green(&report, case.expected.code) {
            return Ok(());
        }
    }
    bail!("it is not green after what was printed was done: {report:#}")
}

/// The command of the first step that is not green, or the consent address in its words.
fn printed(report: &Value, expected: &Expected) -> anyhow::Result<String> {
    let is_open = |step: &&Value| {
        !is_good(step) || (expected.state == "advice" && step["code"] == expected.code)
    };
    let step = steps(report).find(is_open).context("nothing to fix")?;
    if let Some(command) = step["fix"]["command"].as_str() {
        return Ok(command.to_owned());
    }
    let words = step["fix"]["text"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace();
    let address = words
        .map(|word| word.trim_end_matches(['.', ',']))
        .find(|word| word.starts_with("https://"));
    Ok(address
        .with_context(|| format!("no command: {step:#}"))?
        .to_owned())
}

fn steps(report: &Value) -> impl Iterator<Item = &Value> {
    report["steps"].as_array().into_iter().flatten()
}

fn is_good(step: &Value) -> bool {
    matches!(
        step["state"].as_str(),
        Some("passed" | "skipped" | "advice")
    )
}

/// Everything works, and the cause is not told any more.
fn is_green(report: &Value, code: &str) -> bool {
    matches!(report["verdict"].as_str(), Some("ready" | "advice"))
        && steps(report).all(|step| is_good(step) && step["code"] != code)
}

/// One test per row.
macro_rules! cases {
    ($($(#[$about:meta])* $name:ident: $seed:expr;)+) => {$(
        $(#[$about])*
        #[tokio::test]
        async fn $name() -> anyhow::Result<()> {
            $crate::check::case::holds($seed).await
        }
    )+};
}

pub(super) use cases;
