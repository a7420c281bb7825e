//! Forms with a file.

use axum::body::Bytes;

use super::parts_of;

/// What is read of a form was in it, and the form that is written with it is read the same.
#[test]
fn uploads() {
    const BOUNDARY: &str = "XbX";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let read = |body: Vec<u8>| runtime.block_on(parts_of(Bytes::from(body), BOUNDARY.to_owned()));
    let seeds = [
        "--XbX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"t.json\"\r\nContent-Type: application/json\r\n\r\n[{\"a\": 1}]\r\n--XbX\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n--XbX--\r\n",
        "preamble\r\n--XbX\r\ncontent-disposition: form-data; name=a\r\n\r\n--XbY\r\n--XbX--",
    ];
    let words = [
        "--XbX\r\n",
        "--XbX--",
        "\r\n\r\n",
        "Content-Disposition: form-data; name=\"",
        "filename*=UTF-8''",
        ";",
        "\"",
        "--",
    ];
    ::fuzz::bytes("uploads", &seeds.map(str::as_bytes), &words, |body| {
        let Ok(parts) = read(body.to_vec()) else {
            return;
        };
        let mut again = Vec::new();
        for (name, content) in &parts {
            let is_in = |part: &[u8]| {
                part.is_empty() || body.windows(part.len()).any(|window| window == part)
            };
            assert!(is_in(content), "a part that nobody sent");
            if name.contains(['"', '\\', '\r', '\n']) || !name.is_ascii() {
                return;
            }
            again.extend(
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n")
                    .bytes(),
            );
            again.extend_from_slice(content);
            again.extend(b"\r\n");
        }
        again.extend(format!("--{BOUNDARY}--\r\n").bytes());
        assert_eq!(read(again).ok(), Some(parts));
    });
}
