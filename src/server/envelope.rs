//! The JSON envelope of every answer under `/api/v1`: `{"status":"success","data":…,"warnings":[…],"infos":[…]}`.

use super::{Response, json, limits::MAX_ANNOTATIONS, respond, response_body::BodySource};
use crate::model::{Annotations, Severity};

/// The warning that a `limit` parameter cut the answer.
const TRUNCATED: &str = "results truncated due to limit";

/// Warnings and infos that go with an answer.
#[derive(Debug, Default)]
pub(crate) struct ResponseAnnotations {
    warnings: Vec<String>,
    infos: Vec<String>,
}

impl ResponseAnnotations {
    /// The annotations of the query with this text: at most [`MAX_ANNOTATIONS`] of each kind, then how many more there were.
    pub(crate) fn of_query(query: &Annotations, text: &str) -> Self {
        let mut annotations = Self::default();
        let (mut more_warnings, mut more_infos) = (0usize, 0usize);
        for annotation in query.iter() {
            let (list, more, prefix) = match annotation.severity {
                Severity::Warning => (&mut annotations.warnings, &mut more_warnings, "PromQL warning"),
                Severity::Info => (&mut annotations.infos, &mut more_infos, "PromQL info"),
            };
            if list.len() == MAX_ANNOTATIONS {
                *more += 1;
                continue;
            }
            let message = &annotation.message;
            list.push(match annotation.span.map(|span| span.line_column(text)) {
                Some((line, column)) => format!("{prefix}: {message} ({line}:{column})"),
                None => format!("{prefix}: {message}"),
            });
        }
        if more_warnings > 0 {
            annotations.warnings.push(format!("{more_warnings} more warning annotations omitted"));
        }
        if more_infos > 0 {
            annotations.infos.push(format!("{more_infos} more info annotations omitted"));
        }
        annotations
    }

    /// Adds warnings about the data that the answer was made of, the first few of many.
    pub(crate) fn warned(mut self, warnings: Vec<String>) -> Self {
        let more = warnings.len().saturating_sub(MAX_ANNOTATIONS);
        self.warnings.extend(warnings.into_iter().take(MAX_ANNOTATIONS));
        if more > 0 {
            self.warnings.push(format!("{more} more warnings about damaged data omitted"));
        }
        self
    }

    /// Adds the warning that the answer was cut, if it was.
    pub(crate) fn truncated(mut self, truncated: bool) -> Self {
        if truncated {
            self.warnings.push(TRUNCATED.to_owned());
        }
        self
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn infos(&self) -> &[String] {
        &self.infos
    }

    /// The warnings, then the infos.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        self.warnings.iter().chain(&self.infos)
    }

    /// What follows `data`, the closing brace included.
    fn tail(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, list) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if !list.is_empty() {
                out.push(b',');
                json::string(&mut out, name);
                out.push(b':');
                // Writing strings to a Vec can't fail.
                let _ = serde_json::to_writer(&mut out, list);
            }
        }
        out.push(b'}');
        out
    }
}

/// A successful answer whose `data` is written by `data`.
pub(crate) fn success(data: impl BodySource + 'static, annotations: &ResponseAnnotations) -> Response {
    respond::stream(Success { begun: false, data, tail: annotations.tail() })
}

/// A successful answer with `data` at hand.
pub(crate) fn success_json(data: &serde_json::Value) -> Response {
    success_raw(data.to_string().as_bytes())
}

/// A successful answer with `data` already written as JSON.
pub(crate) fn success_raw(data: &[u8]) -> Response {
    respond::json([HEAD, data, b"}"].concat())
}

const HEAD: &[u8] = b"{\"status\":\"success\",\"data\":";

struct Success<S> {
    begun: bool,
    data: S,
    tail: Vec<u8>,
}

impl<S: BodySource> BodySource for Success<S> {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.begun {
            self.begun = true;
            out.extend_from_slice(HEAD);
        }
        let more = self.data.fill(out);
        if !more {
            out.append(&mut self.tail);
        }
        more
    }
}

/// A JSON array whose items are written one at a time.
pub(crate) struct Array<I, W> {
    begun: bool,
    items: I,
    write: W,
}

impl<I: Iterator, W: FnMut(&mut Vec<u8>, I::Item)> Array<I, W> {
    /// The array of what `write` makes of each item.
    pub(crate) fn new(items: impl IntoIterator<IntoIter = I>, write: W) -> Self {
        Self { begun: false, items: items.into_iter(), write }
    }
}

impl<I: Iterator + Send, W: FnMut(&mut Vec<u8>, I::Item) + Send> BodySource for Array<I, W> {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(item) = self.items.next() else {
            out.extend_from_slice(if self.begun { b"]" } else { b"[]" });
            return false;
        };
        out.push(if self.begun { b',' } else { b'[' });
        self.begun = true;
        (self.write)(out, item);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Annotation, DependsOn, Span};

    #[test]
    fn annotations_carry_their_place_and_are_counted_beyond_ten() {
        let mut annotations = Annotations::default();
        let depends_on = DependsOn::Samples;
        for i in 0..12 {
            let span = Some(Span::new(i, i + 1));
            annotations.add(Annotation { severity: Severity::Warning, depends_on, message: format!("w{i}"), span });
        }
        annotations.add(Annotation { severity: Severity::Info, depends_on, message: "i".into(), span: None });
        let annotations = ResponseAnnotations::of_query(&annotations, "sum(\n foo) + bar").truncated(true);
        assert_eq!(annotations.warnings.len(), 12);
        assert_eq!(annotations.warnings[0], "PromQL warning: w0 (1:1)");
        assert_eq!(annotations.warnings[6], "PromQL warning: w6 (2:2)");
        assert_eq!(annotations.warnings[10], "2 more warning annotations omitted");
        assert_eq!(annotations.warnings[11], TRUNCATED);
        assert_eq!(annotations.infos, ["PromQL info: i"]);
    }

    #[test]
    fn an_array_is_written_item_by_item() {
        for (items, want) in [(vec![], "[]"), (vec![1u8], "[1]"), (vec![1, 2, 3], "[1,2,3]")] {
            let mut array = Array::new(items, |out: &mut Vec<u8>, item: u8| out.push(b'0' + item));
            let mut out = Vec::new();
            while array.fill(&mut out) {}
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
