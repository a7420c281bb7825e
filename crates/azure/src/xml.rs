//! A pull parser over one XML document in memory: no tree, no copy of what is not asked for.

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use crate::{Error, ErrorKind, Result, encoding};

/// The text of an answer that begins, unless it is empty, with a byte order mark.
pub(crate) struct Xml<'a>(Reader<&'a [u8]>);

impl<'a> Xml<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Result<Self> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(malformed)?;
        Ok(Self(Reader::from_str(text)))
    }

    /// Gives each direct child of the element that was just opened to `each`, which must read or
    /// [`skip`](Self::skip) it, up to that element's end. Elements without content are passed over.
    pub(crate) fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, &BytesStart<'a>) -> Result<()>,
    ) -> Result<()> {
        loop {
            match self.next()? {
                Event::Start(tag) => each(self, &tag)?,
                Event::End(_) => return Ok(()),
                Event::Eof => return Err(malformed("it ends too early")),
                _ => {}
            }
        }
    }

    /// Opens the document's root, which must have this name.
    pub(crate) fn root(&mut self, name: &str) -> Result<()> {
        loop {
            match self.next()? {
                Event::Start(tag) if tag.name().as_ref() == name => return Ok(()),
                Event::Start(_) | Event::Empty(_) | Event::Eof => {
                    return Err(malformed(format!("it is no {name}")));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn skip(&mut self, start: &BytesStart<'a>) -> Result<()> {
        self.0
            .read_to_end(start.name())
            .map(drop)
            .map_err(malformed)
    }

    fn next(&mut self) -> Result<Event<'a>> {
        self.0.read_event().map_err(malformed)
    }

    /// The text up to the end of the element that `start` opened; elements inside it are skipped.
    pub(crate) fn text(&mut self, start: &BytesStart<'a>) -> Result<String> {
        let mut text = String::new();
        let mut depth = 0;
        loop {
            match self.next()? {
                Event::Start(_) => depth += 1,
                Event::End(_) if depth > 0 => depth -= 1,
                Event::End(_) => return Ok(text),
                Event::Text(part) if depth == 0 => text.push_str(&part),
                Event::CData(part) if depth == 0 => text.push_str(&part),
                Event::GeneralRef(part) if depth == 0 => {
                    match part.resolve_char_ref().map_err(malformed)? {
                        Some(character) => text.push(character),
                        None => text.push_str(
                            resolve_predefined_entity(&part).ok_or_else(|| malformed(&*part))?,
                        ),
                    }
                }
                Event::Eof => {
                    return Err(malformed(format!("{} does not end", start.name().as_ref())));
                }
                _ => {}
            }
        }
    }

    /// The same for a name, which Azure percent-encodes when XML cannot hold one of its characters.
    pub(crate) fn name(&mut self, start: &BytesStart<'a>) -> Result<String> {
        let encoded = start
            .try_get_attribute("Encoded")
            .map_err(malformed)?
            .is_some_and(|attribute| attribute.value == "true");
        let text = self.text(start)?;
        if !encoded {
            return Ok(text);
        }
        match encoding::decode(&text) {
            Some(name) => Ok(name.into_owned()),
            None => Err(malformed(format!("the encoded name {text:?}"))),
        }
    }
}

pub(crate) fn malformed(why: impl ToString) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("Azure's XML cannot be read: {}", why.to_string()),
    )
}
