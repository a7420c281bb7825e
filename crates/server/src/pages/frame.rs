//! What is around every page: who is signed in, where they are, and what they may open.

use engine::Whoami;
use model::{Actor, Permission, Project, ProjectId, Role};

use super::html::title;
use crate::{App, error::ApiError};

/// A part of the product, in the bar on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Projects,
    Exports,
    Integrations,
    Audit,
    /// Account, members, tokens: in the person's menu.
    Settings,
}

/// The frame of a page.
pub(crate) struct Frame {
    pub(crate) section: Section,
    pub(crate) person: Option<Person>,
}

/// Who is signed in.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) organization: String,
    role: Option<Role>,
}

impl Frame {
    /// For a page of a signed-in person.
    pub(crate) async fn load(app: &App, actor: &Actor, section: Section) -> Result<Self, ApiError> {
        let Whoami { user, organization } = app.engine.whoami(actor).await?;
        let person = Person {
            email: user.email,
            organization,
            role: Some(actor.role),
        };
        Ok(Self {
            section,
            person: Some(person),
        })
    }

    /// For a page of whoever it is: sign-in, an error.
    pub(crate) fn nobody() -> Self {
        Self {
            section: Section::Projects,
            person: None,
        }
    }

    pub(crate) fn sections(&self) -> Vec<(Section, &'static str, &'static str)> {
        let mut sections = vec![(Section::Projects, "/", "Projects")];
        if self.may_manage_projects() {
            sections.push((Section::Exports, "/exports", "Exports"));
        }
        if self.may_manage_organization() {
            sections.push((
                Section::Integrations,
                "/settings/integrations",
                "Integrations",
            ));
            sections.push((Section::Audit, "/settings/audit", "Audit"));
        }
        sections
    }

    pub(crate) fn may_manage_projects(&self) -> bool {
        self.may(Permission::ManageProjects)
    }

    pub(crate) fn may_manage_organization(&self) -> bool {
        self.may(Permission::ManageOrganization)
    }

    fn may(&self, permission: Permission) -> bool {
        let role = self.person.as_ref().and_then(|person| person.role);
        role.is_some_and(|role| role.may(permission))
    }
}

/// A project's tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Tasks,
    Storages,
    Exports,
    Settings,
}

/// The head of every page of a project: title, progress, tabs (`parts/project_head.html`).
pub(crate) struct ProjectHead {
    pub(crate) id: ProjectId,
    pub(crate) title: String,
    pub(crate) task_count: i64,
    pub(crate) labeled_task_count: i64,
    pub(crate) may_annotate: bool,
    may_manage: bool,
    pub(crate) tab: Tab,
}

impl ProjectHead {
    pub(crate) fn new(project: &Project, actor: &Actor, tab: Tab) -> Self {
        Self {
            id: project.id,
            title: title(&project.title).to_owned(),
            task_count: project.task_count,
            labeled_task_count: project.labeled_task_count,
            may_annotate: actor.may(Permission::Annotate),
            may_manage: actor.may(Permission::ManageProjects),
            tab,
        }
    }

    pub(crate) fn progress(&self) -> String {
        progress(self.labeled_task_count, self.task_count)
    }

    pub(crate) fn tabs(&self) -> Vec<(Tab, String, &'static str)> {
        let at = |rest: &str| format!("/projects/{}{rest}", self.id);
        let mut tabs = vec![(Tab::Tasks, at(""), "Tasks")];
        if self.may_manage {
            tabs.push((Tab::Storages, at("/storages"), "Storages"));
            tabs.push((Tab::Exports, at("/exports"), "Exports"));
            tabs.push((Tab::Settings, at("/settings"), "Settings"));
        }
        tabs
    }
}

/// `312 of 1,204 tasks labeled`.
pub(crate) fn progress(labeled: i64, tasks: i64) -> String {
    if tasks == 0 {
        "No tasks yet".to_owned()
    } else {
        format!("{} of {} tasks labeled", grouped(labeled), grouped(tasks))
    }
}

/// `1,204`.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_204, "1,204"),
            (-1_000_000, "-1,000,000"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
