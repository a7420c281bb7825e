//! What everything that is sent to Longshore may cost, before it costs: one place for all of it.
//!
//! A budget is checked before the work that it bounds is begun: bytes before they are read, elements
//! before they are parsed, hashes before they are calculated. For people, the same table is in
//! `docs/limits.md`; a test compares the two.

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

macro_rules! budgets {
    ($($(#[doc = $why:literal])+ $name:ident: $type:ty = $amount:expr, $unit:ident;)+) => {
        $(
            $(#[doc = $why])+
            #[doc = concat!("\n\nIn ", stringify!($unit), ".")]
            pub const $name: $type = $amount as $type;
        )+

        /// Name, amount, unit, reason.
        #[cfg(test)]
        const ALL: &[(&str, u64, &str, &str)] = &[
            $((stringify!($name), $name as u64, stringify!($unit), concat!($($why),+))),+
        ];
    };
}

budgets! {
    /// A body, unless its route says more; nobody needs more who has not signed in.
    LITTLE_BODY: u64 = 64 * KIB, bytes;
    /// How long such a body may take to arrive.
    LITTLE_BODY_TIME: u64 = 30, seconds;
    /// A body with a labeling config, which takes three times its size as a form.
    CONFIG_BODY: u64 = 2 * MIB, bytes;
    /// A body with tasks that were chosen one by one.
    CHOSEN_BODY: u64 = MIB, bytes;
    /// A body with a task's data or with what was annotated; `body_limit_mib` changes it, and lowers the smaller ones.
    WORK_BODY: u64 = 10 * MIB, bytes;
    /// A body with tasks to import; `import_limit_mib` changes it.
    IMPORT_BODY: u64 = 200 * MIB, bytes;
    /// Fields of a form, members of a JSON body.
    FIELDS: usize = 300, fields;
    /// Fields of a form with tasks that were chosen one by one.
    CHOSEN_FIELDS: usize = 20_000, fields;
    /// Tasks chosen one by one: a page, many times over.
    CHOSEN_TASKS: usize = 10_000, tasks;
    /// Parts of a form with a file.
    UPLOAD_PARTS: usize = 16, parts;
    /// What was pasted and refused is shown again up to here.
    PASTED_AGAIN: usize = MIB, bytes;
    /// A request's path and query: the longest blob name, each letter percent-encoded and in Base64.
    ADDRESS: usize = 16 * KIB, bytes;
    /// Parameters of a query.
    PARAMETERS: usize = 100, parameters;
    /// A request's head: its address and all headers.
    HEAD: usize = 64 * KIB, bytes;
    /// Headers of a request.
    HEADERS: usize = 100, headers;
    /// Where a person goes on after signing in, as it is kept in an address.
    NEXT_ADDRESS: usize = 2_000, bytes;
    /// One value of a stranger's form, shown again.
    SHOWN_AGAIN: usize = 300, letters;
    /// All messages of an answer to wrong input; further ones are counted.
    MESSAGES: usize = 8 * KIB, bytes;
    /// One message of such an answer, its detail too.
    MESSAGE: usize = 4 * KIB, bytes;
    /// Unknown fields that are named, and fields that are given twice; further ones are counted.
    NAMED_FIELDS: usize = 10, fields;
    /// A name of somebody else's making inside a message.
    NAME: usize = 80, letters;
    /// Rows of one page of a list; a project's tasks are sent piece by piece and have no such limit.
    LIST_PAGE: i64 = 1_000, rows;
    /// Rows of one preview of a storage.
    PREVIEW: i64 = 1_000, blobs;
    /// A text that is searched for.
    SEARCH: usize = 200, letters;
    /// A storage's filter of blob names.
    FILTER: usize = 4 * KIB, bytes;
    /// The same, compiled.
    COMPILED_FILTER: usize = MIB, bytes;
    /// Tasks of one import, Label Studio's own limit.
    IMPORT_TASKS: i64 = 250_000, tasks;
    /// Wrong tasks that an import names; further ones are counted.
    IMPORT_ERRORS: usize = 100, tasks;
    /// A labeling config.
    CONFIG: usize = 512 * KIB, bytes;
    /// Elements of a labeling config: one for each label or choice. More labels can come from task data.
    CONFIG_ELEMENTS: usize = 10_000, elements;
    /// Attributes of one element: each is compared with those before it.
    CONFIG_ATTRIBUTES: usize = 100, attributes;
    /// Elements within each other.
    CONFIG_LEVELS: usize = 100, levels;
    /// Repeaters of a labeling config: each control is compared with them.
    CONFIG_REPEATERS: usize = 50, elements;
    /// XML namespaces, which no labeling config needs and every element inherits.
    CONFIG_NAMESPACES: usize = 16, attributes;
    /// What a labeling config says of the data of all its controls: `toName` repeats it for each.
    CONFIG_INPUTS: usize = 2 * MIB, bytes;
    /// Input from which on work leaves the threads that answer everybody: about a millisecond of a core.
    ASIDE: usize = 16 * KIB, bytes;
    /// Connections at once; `max_connections` changes it. One that waits for its client makes room.
    CONNECTIONS: usize = 4_096, connections;
    /// Connections of one address, where no proxy stands before Longshore.
    CONNECTIONS_OF_AN_ADDRESS: usize = 512, connections;
    /// From a new connection to its first request.
    FIRST_HEAD: u64 = 10, seconds;
    /// How long the rest of a body is read away after an answer that came before it, so that its sender sees that answer.
    DRAIN: u64 = 10, seconds;
    /// Passwords that are checked at once, each in 19 MiB of its own that are used again.
    HASHES: usize = 2, hashes;
    /// Passwords that wait to be checked; further ones are told to come again.
    WAITING_HASHES: usize = 256, hashes;
    /// The same of one account or invitation, which are checked one after another.
    HASHES_OF_ONE: usize = 16, hashes;
    /// Live parts of pages that are watched at once: each costs a few queries a look.
    WATCHERS: usize = 256, pages;
    /// The same of one person.
    WATCHERS_OF_A_PERSON: usize = 16, pages;
    /// A picture that gets a thumbnail.
    THUMBNAIL_IMAGE: u64 = 32 * MIB, bytes;
    /// A sound that gets a thumbnail.
    THUMBNAIL_AUDIO: u64 = 16 * MIB, bytes;
    /// The beginning of a text that is shown.
    THUMBNAIL_TEXT: u64 = 4 * KIB, bytes;
    /// Blobs that are read for thumbnails at once.
    THUMBNAIL_READS: usize = 8, blobs;
    /// Thumbnails that are drawn at once.
    THUMBNAIL_DECODERS: usize = 2, thumbnails;
    /// A picture of a thumbnail, unpacked.
    THUMBNAIL_PIXELS: u64 = 64_000_000, pixels;
    /// What the decoder of a picture may take.
    THUMBNAIL_MEMORY: u64 = 256 * MIB, bytes;
}

/// The text up to `most` letters, with an ellipsis where it was cut.
pub fn cut(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, KIB, MIB, cut};

    fn amount(amount: u64, unit: &str) -> String {
        match unit {
            "bytes" if amount.is_multiple_of(MIB) => format!("{} MiB", amount / MIB),
            "bytes" if amount.is_multiple_of(KIB) => format!("{} KiB", amount / KIB),
            _ => {
                let digits = amount.to_string();
                let groups = digits.as_bytes().rchunks(3).rev();
                let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
                format!("{} {unit}", groups.join(","))
            }
        }
    }

    #[test]
    fn the_page_for_people_says_every_budget_as_it_is() {
        let rows = ALL.iter().map(|(name, value, unit, why)| {
            format!("| `{name}` | {} | {} |\n", amount(*value, unit), why.trim())
        });
        let table: String = rows.collect();
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        let page = std::fs::read_to_string(page).unwrap();
        let said: String = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(said, table, "docs/limits.md should have:\n{table}");
    }

    #[test]
    fn a_cut_text_ends_between_letters_and_says_so() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü", 2), "äö…");
    }
}
