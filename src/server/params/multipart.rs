//! Forms in parts, `multipart/form-data`, as `curl -F` and the form libraries of some languages send them.

use std::str::from_utf8;

/// The names and values in `body`; `content_type` says what stands between them.
///
/// # Errors
/// What the body lacks.
pub(super) fn pairs(body: &[u8], content_type: &str) -> Result<Vec<(String, String)>, String> {
    let boundary = attribute(content_type, "boundary").ok_or("the Content-Type names no boundary")?;
    let delimiter = format!("--{boundary}");
    let mut pairs = Vec::new();
    let mut rest = behind(body, delimiter.as_bytes()).ok_or("the form has no part")?;
    while !rest.starts_with(b"--") {
        let headers = rest.strip_prefix(b"\r\n").ok_or("a part's boundary doesn't end its line")?;
        let end = position(headers, b"\r\n\r\n").ok_or("a part has no end of its headers")?;
        let (headers, content) = headers.split_at_checked(end).unwrap_or_default();
        let content = content.get(4..).unwrap_or_default();
        let end = position(content, format!("\r\n{delimiter}").as_bytes()).ok_or("a part has no end")?;
        let (value, behind) = content.split_at_checked(end).unwrap_or_default();
        rest = behind.get(2 + delimiter.len()..).unwrap_or_default();
        if let Some(name) = name(headers)? {
            pairs.push((name, from_utf8(value).map_err(|_| "a part is not UTF-8")?.to_owned()));
        }
    }
    Ok(pairs)
}

/// The name of the part with these headers.
fn name(headers: &[u8]) -> Result<Option<String>, String> {
    let headers = from_utf8(headers).map_err(|_| "a part's headers are not UTF-8")?;
    let disposition = headers.split("\r\n").filter_map(|line| line.split_once(':'));
    let disposition = disposition.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    Ok(disposition.map(|(_, value)| value).find_map(|value| attribute(value, "name")))
}

/// The attribute `name` of a header's value, with or without quotes.
fn attribute(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|attribute| {
        let (key, value) = attribute.split_once('=')?;
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        key.trim().eq_ignore_ascii_case(name).then(|| quoted.unwrap_or(value).to_owned())
    })
}

fn behind<'b>(bytes: &'b [u8], what: &[u8]) -> Option<&'b [u8]> {
    position(bytes, what).and_then(|at| bytes.get(at + what.len()..))
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len().max(1)).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_read_by_name_and_others_are_passed_over() {
        let body = "preamble\r\n--x y\r\nContent-Disposition: form-data; name=\"match[]\"\r\n\r\nup\r\n--x y\r\n\r\nnameless\r\n\
                    --x y\r\nX: y\r\ncontent-disposition: form-data; name=time\r\n\r\n\r\n--x y--\r\nepilogue";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = pairs(body.as_bytes(), "multipart/form-data; boundary=\"x y\"").unwrap();
        assert_eq!(found, [pair("match[]", "up"), pair("time", "")]);
        for (body, kind) in
            [("", "multipart/form-data; boundary=a"), (body, "multipart/form-data"), ("--a\r\nb", "m; boundary=a")]
        {
            assert!(pairs(body.as_bytes(), kind).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in "(--a|\r\n|-|name=b|content-disposition:|;| |x){0,30}") {
            let _ = pairs(bytes.as_bytes(), "multipart/form-data; boundary=a");
        }
    }
}
