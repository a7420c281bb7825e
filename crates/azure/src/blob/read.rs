//! Get Blob and Get Blob Properties, with HTTP's ranges and conditions completed.
//!
//! Sources: RFC 9110 sections 13 and 14, "Get Blob", "Specifying conditional headers for Blob
//! service operations": Azure knows no suffix range and no `If-Range`, takes one ETag a header, and
//! refuses `If-Match` together with `If-None-Match`. What it lacks is decided here, after a HEAD.

use futures_util::stream;
use model::BlobName;
use reqwest::{Method, Response};

use super::{BlobBody, ContainerClient, range::ByteRange, write::MARKER};
use crate::{
    Error, ErrorKind, Result,
    account::{Call, header_of, quoted},
    instant, retry,
};

/// How often a read begins anew because the blob changed between HEAD and GET.
const CHANGES: u32 = 3;

/// What to read and when, in HTTP's own words. A range that is no single byte range is ignored, as
/// the RFC says.
#[derive(Clone, Debug, Default)]
pub struct GetRequest {
    /// Value of `Range`: `bytes=0-99`, `bytes=100-`, `bytes=-5`.
    pub range: Option<String>,
    /// One ETag, with or without quotes.
    pub if_match: Option<String>,
    /// ETags as in the header, weak ones too; the answer is `NotModified` when one is the blob's.
    pub if_none_match: Option<String>,
    /// An HTTP date; without effect beside `if_none_match`.
    pub if_modified_since: Option<String>,
    /// ETag or HTTP date: the range is dropped when the blob is another one by now.
    pub if_range: Option<String>,
}

/// Which answer a read got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetStatus {
    /// 200: the whole blob.
    Full,
    /// 206: `content_range` says which part.
    Partial,
    /// 304: no body.
    NotModified,
    /// 416: no body; `content_range` says the size.
    RangeNotSatisfiable,
}

/// The answer to a read. Header values as Azure sent them.
#[derive(Debug)]
pub struct GetResponse {
    pub status: GetStatus,
    /// Bytes of the body.
    pub content_length: Option<u64>,
    pub content_range: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// With quotes.
    pub etag: Option<String>,
    /// HTTP date.
    pub last_modified: Option<String>,
    /// As given to [`ContainerClient::put_marked`].
    pub marker: Option<String>,
    pub body: BlobBody,
}

/// What `head` tells. Header values as Azure sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobProperties {
    /// Bytes.
    pub content_length: u64,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// With quotes.
    pub etag: Option<String>,
    /// HTTP date.
    pub last_modified: Option<String>,
    /// As given to [`ContainerClient::put_marked`].
    pub marker: Option<String>,
}

impl ContainerClient {
    /// Reads a blob, or a range of it, as a stream. Retried only until the body begins.
    ///
    /// # Errors
    /// `NotFound`, `ContainerNotFound`, `Archived`, `ConditionNotMet` (`if_match`), and the kinds
    /// of a refused credential.
    pub async fn get(&self, blob: &BlobName, request: &GetRequest) -> Result<GetResponse> {
        let range = request.range.as_deref().and_then(ByteRange::parse);
        // `If-Range` means nothing without a range.
        let if_range = request.if_range.as_deref().filter(|_| range.is_some());
        let pins = request.if_match.is_some() || if_range.is_some();
        let skips = request.if_none_match.is_some() || request.if_modified_since.is_some();
        let many = request
            .if_none_match
            .as_deref()
            .is_some_and(|etags| etags.contains(',') || etags.trim() == "*");
        if many
            || (pins && skips)
            || if_range.is_some()
            || matches!(range, Some(ByteRange::Suffix(_)))
        {
            return self.get_after_head(blob, request, range, if_range).await;
        }
        let call = self
            .read_call(Method::GET, blob)?
            .header_if(
                "range",
                range.and_then(|range| range.header(None)).as_deref(),
            )?
            .header_if(
                "if-match",
                request.if_match.as_deref().map(quoted).as_deref(),
            )?
            .header_if(
                "if-none-match",
                request.if_none_match.as_deref().map(quoted_weak).as_deref(),
            )?;
        let since = request
            .if_modified_since
            .as_deref()
            // One that is no date is ignored (RFC 9110, 13.1.3); Azure would answer 400.
            .filter(|date| {
                request.if_none_match.is_none() && instant::parse_http_date(date).is_some()
            });
        let answer = self
            .open(call.header_if("if-modified-since", since)?)
            .await?;
        if answer.status == GetStatus::NotModified && answer.etag.is_none() {
            return self.named_unmodified(blob, request, answer).await;
        }
        Ok(answer)
    }

    /// A 304 with the ETag that RFC 9110 (15.4.5) wants: Azure's carries none (recorded). The one
    /// that was asked about is the blob's; among several, the blob is asked.
    async fn named_unmodified(
        &self,
        blob: &BlobName,
        request: &GetRequest,
        answer: GetResponse,
    ) -> Result<GetResponse> {
        match request.if_none_match.as_deref().map(str::trim) {
            Some(etag) if etag != "*" && !etag.contains(',') => Ok(GetResponse {
                etag: Some(quoted_weak(etag).into_owned()),
                ..answer
            }),
            _ => {
                let now = self.head(blob).await?;
                Ok(now.without_body(GetStatus::NotModified))
            }
        }
    }

    /// Decides the conditions on the blob's properties, then reads exactly that version of it.
    async fn get_after_head(
        &self,
        blob: &BlobName,
        request: &GetRequest,
        range: Option<ByteRange>,
        if_range: Option<&str>,
    ) -> Result<GetResponse> {
        let mut changes = 0;
        loop {
            let now = self.head(blob).await?;
            let etag = now.etag.clone().unwrap_or_default();
            if request
                .if_match
                .as_deref()
                .is_some_and(|wanted| wanted != "*" && quoted(wanted) != etag)
            {
                return Err(Error::new(
                    ErrorKind::ConditionNotMet,
                    "the blob has another ETag",
                ));
            }
            if now.is_unmodified(request) {
                return Ok(now.without_body(GetStatus::NotModified));
            }
            let range = range.filter(|_| if_range.is_none_or(|validator| now.is_same(validator)));
            let header = range.and_then(|range| range.header(Some(now.content_length)));
            if range.is_some() && header.is_none() {
                return Ok(now.without_body(GetStatus::RangeNotSatisfiable));
            }
            let call = self
                .read_call(Method::GET, blob)?
                .header_if("range", header.as_deref())?
                .header("if-match", &etag)?;
            match self.open(call).await {
                Err(error) if error.kind() == ErrorKind::ConditionNotMet && changes < CHANGES => {
                    changes += 1
                }
                result => return result,
            }
        }
    }

    async fn open(&self, call: Call) -> Result<GetResponse> {
        let call = call.streamed(&[304, 416]);
        let response = retry::STORAGE
            .within(self.0.account.shared.patience)
            .run(|| self.0.account.send(&call))
            .await?;
        let status = match response.status().as_u16() {
            304 => GetStatus::NotModified,
            416 => GetStatus::RangeNotSatisfiable,
            206 => GetStatus::Partial,
            _ => GetStatus::Full,
        };
        let properties = BlobProperties::of(&response);
        let content_range = header_of(&response, "content-range");
        if matches!(
            status,
            GetStatus::NotModified | GetStatus::RangeNotSatisfiable
        ) {
            return Ok(GetResponse {
                content_range,
                ..properties.without_body(status)
            });
        }
        let content_length =
            header_of(&response, "content-length").and_then(|length| length.parse().ok());
        Ok(GetResponse {
            status,
            content_length,
            content_range,
            body: BlobBody::new(response.bytes_stream(), content_length),
            ..properties.without_body(status)
        })
    }

    /// A blob's size, type, ETag and date.
    ///
    /// # Errors
    /// As [`ContainerClient::get`].
    pub async fn head(&self, blob: &BlobName) -> Result<BlobProperties> {
        let call = self.read_call(Method::HEAD, blob)?;
        let response = retry::STORAGE
            .within(self.0.account.shared.patience)
            .run(|| self.0.account.send(&call))
            .await?;
        Ok(BlobProperties::of(&response))
    }
}

impl BlobProperties {
    fn of(response: &Response) -> Self {
        Self {
            content_length: header_of(response, "content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or_default(),
            content_type: header_of(response, "content-type"),
            content_encoding: header_of(response, "content-encoding"),
            etag: header_of(response, "etag"),
            last_modified: header_of(response, "last-modified"),
            marker: header_of(response, MARKER),
        }
    }

    /// Would [`ContainerClient::get`] answer this request with `NotModified`?
    pub fn is_unmodified(&self, request: &GetRequest) -> bool {
        match (&request.if_none_match, &request.if_modified_since) {
            (Some(etags), _) => etags
                .split(',')
                .map(str::trim)
                .any(|etag| etag == "*" || Some(&*quoted_weak(etag)) == self.etag.as_deref()),
            (None, Some(since)) => {
                let modified = self
                    .last_modified
                    .as_deref()
                    .and_then(instant::parse_http_date);
                modified
                    .zip(instant::parse_http_date(since))
                    .is_some_and(|(modified, since)| modified <= since)
            }
            (None, None) => false,
        }
    }

    /// Is the blob still the one of this `If-Range`? Weak ETags never are (RFC 9110, 13.1.5).
    fn is_same(&self, validator: &str) -> bool {
        if let Some(date) = instant::parse_http_date(validator) {
            return self
                .last_modified
                .as_deref()
                .and_then(instant::parse_http_date)
                == Some(date);
        }
        !validator.starts_with("W/") && self.etag.as_deref() == Some(&*quoted(validator))
    }

    fn without_body(self, status: GetStatus) -> GetResponse {
        let content_range = (status == GetStatus::RangeNotSatisfiable)
            .then(|| format!("bytes */{}", self.content_length));
        GetResponse {
            status,
            content_length: None,
            content_range,
            content_type: self.content_type,
            content_encoding: self.content_encoding,
            etag: self.etag,
            last_modified: self.last_modified,
            marker: self.marker,
            body: BlobBody::new(stream::empty(), None),
        }
    }
}

/// `If-None-Match` compares weakly, and Azure's ETags are strong.
fn quoted_weak(etag: &str) -> std::borrow::Cow<'_, str> {
    quoted(etag.trim_start_matches("W/"))
}

#[cfg(test)]
mod fuzz {
    use super::{BlobProperties, GetRequest, instant, quoted};

    /// ETag and date of a blob, then the header of a browser, a line each: a weak ETag never keeps
    /// a range, the blob's own one always says that nothing changed, and a date that is no date
    /// says nothing.
    #[test]
    fn blob_conditions() {
        let seeds = [
            "\"0x8D4BCC2E4835CD0\"\nWed, 01 Jan 2026 01:00:00 GMT\n\"a\", W/\"0x8D4BCC2E4835CD0\"",
            "0x1\nThu, 01 Jan 2026 01:00:00 GMT\nThu, 01 Jan 2026 01:00:00 GMT",
            "\n\n*",
        ];
        let words = ["\"", "W/", "*", ",", "\n", "GMT", "Thu, 01 Jan ", "+0000"];
        ::fuzz::texts("blob_conditions", &seeds, &words, |text| {
            let mut lines = text.splitn(3, '\n').map(str::to_owned);
            let blob = BlobProperties {
                etag: lines.next(),
                last_modified: lines.next(),
                ..BlobProperties::default()
            };
            let header = lines.next().unwrap_or_default();
            let is_date = instant::parse_http_date(&header).is_some();
            let asked = |none_match: Option<String>, since| GetRequest {
                if_none_match: none_match,
                if_modified_since: since,
                ..GetRequest::default()
            };
            assert!(is_date || !blob.is_unmodified(&asked(None, Some(header.clone()))));
            if blob.is_same(&header) {
                assert!(!header.starts_with("W/"));
                assert!(is_date || Some(&*quoted(&header)) == blob.etag.as_deref());
            }
            let _ = blob.is_unmodified(&asked(Some(header), None));
            // As Azure writes ETags: in quotes, never weak; a comma would end it in a list.
            let is_azures = |etag: &String| {
                etag.len() > 1
                    && etag.starts_with('"')
                    && etag.ends_with('"')
                    && !etag.contains(',')
            };
            if let Some(etag) = blob.etag.clone().filter(is_azures) {
                assert!(instant::parse_http_date(&etag).is_some() || blob.is_same(&etag));
                assert!(blob.is_unmodified(&asked(Some(format!("\"x\", W/{etag}")), None)));
            }
        });
    }
}
