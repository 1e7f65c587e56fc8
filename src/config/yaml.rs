//! YAML as a tree in which each node knows where it stands.
//!
//! The library gives events; building the tree ourselves keeps the lines, refuses keys given twice, and bounds what aliases and brackets
//! can grow to.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Nodes of a file, those that aliases repeat included.
const MAX_NODES: usize = 1_000_000;
/// How deep nodes may lie in each other.
const MAX_DEPTH: usize = 100;

/// What is wrong, and where; both from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Fault {
    pub(in crate::config) line: usize,
    pub(in crate::config) column: usize,
    pub(in crate::config) why: String,
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub(in crate::config) struct Node {
    pub(in crate::config) line: usize,
    column: usize,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Null,
    /// A scalar without quotes, which may be a number or a truth value.
    Plain(String),
    /// A scalar in quotes, or a block of text.
    Quoted(String),
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// An error about this node.
    pub(in crate::config) fn fault(&self, why: String) -> Fault {
        Fault { line: self.line, column: self.column, why }
    }

    /// Whether nothing is given.
    pub(in crate::config) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The entries of a mapping.
    pub(in crate::config) fn entries(&self, what: &str) -> Result<&[(Node, Node)], Fault> {
        match &self.content {
            Content::Null => Ok(&[]),
            Content::Mapping(entries) => Ok(entries),
            _ => Err(self.unexpected(what, "a mapping")),
        }
    }

    /// The items of a list.
    pub(in crate::config) fn items(&self, what: &str) -> Result<&[Node], Fault> {
        match &self.content {
            Content::Null => Ok(&[]),
            Content::List(items) => Ok(items),
            _ => Err(self.unexpected(what, "a list")),
        }
    }

    /// A text, quoted or not.
    pub(in crate::config) fn text(&self, what: &str) -> Result<&str, Fault> {
        match &self.content {
            Content::Plain(text) | Content::Quoted(text) => Ok(text),
            _ => Err(self.unexpected(what, "a text")),
        }
    }

    /// A truth value, in the spellings that Prometheus takes.
    pub(in crate::config) fn boolean(&self, what: &str) -> Result<bool, Fault> {
        let Content::Plain(text) = &self.content else { return Err(self.unexpected(what, "true or false")) };
        match text.as_str() {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Ok(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Ok(false),
            _ => Err(self.unexpected(what, "true or false")),
        }
    }

    /// An error about a key that isn't one of `known`.
    pub(in crate::config) fn unknown(&self, what: &str, key: &str, known: &[&str]) -> Fault {
        self.fault(format!("unknown {what} {key:?}; expected one of {}", known.join(", ")))
    }

    fn unexpected(&self, what: &str, expected: &str) -> Fault {
        let found = match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::Plain(text) => text.chars().take(100).collect(),
            Content::Quoted(text) => format!("the text {:?}", text.chars().take(100).collect::<String>()),
            Content::List(_) => "a list".to_owned(),
            Content::Mapping(_) => "a mapping".to_owned(),
        };
        self.fault(format!("{what} has to be {expected}, found {found}"))
    }

    /// How many nodes there are in it, itself included.
    fn count(&self) -> usize {
        1 + match &self.content {
            Content::List(items) => items.iter().map(Self::count).sum(),
            Content::Mapping(entries) => entries.iter().map(|(key, value)| key.count() + value.count()).sum(),
            Content::Null | Content::Plain(_) | Content::Quoted(_) => 0,
        }
    }
}

/// Reads a text with one document; `None` when it says nothing.
pub(in crate::config) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (event, span) = event.map_err(|error| fault(*error.marker(), error.info().to_owned()))?;
        builder.take(event, span.start)?;
    }
    Ok(builder.root.filter(|root| !root.is_null()))
}

fn fault(at: Marker, why: String) -> Fault {
    Fault { line: at.line(), column: at.col() + 1, why }
}

/// A list or mapping whose end has not come.
struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<Node>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    documents: usize,
    open: Vec<Open>,
    /// Nodes that aliases may repeat.
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), Fault> {
        let node = |content| Node { line: at.line(), column: at.col() + 1, content };
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(fault(at, "a second document begins; expected one".to_owned()));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                let content = match style {
                    ScalarStyle::Plain if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => Content::Null,
                    ScalarStyle::Plain => Content::Plain(text),
                    _ => Content::Quoted(text),
                };
                self.add(node(content), anchor)
            }
            Event::SequenceStart(anchor, ..) => self.begin(node(Content::List(Vec::new())), anchor),
            Event::MappingStart(anchor, ..) => self.begin(node(Content::Mapping(Vec::new())), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, .. }) => self.add(node, anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(named) => {
                    self.nodes += named.count();
                    self.check_size(at)?;
                    let repeated = Node { line: at.line(), column: at.col() + 1, content: named.content.clone() };
                    self.add(repeated, 0)
                }
                None => Err(fault(at, "an alias of something that has not ended".to_owned())),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(node.fault(format!("this lies more than {MAX_DEPTH} lists and mappings deep")));
        }
        self.open.push(Open { node, key: None, anchor });
        Ok(())
    }

    fn check_size(&self, at: Marker) -> Result<(), Fault> {
        if self.nodes <= MAX_NODES { Ok(()) } else { Err(fault(at, format!("there are more than {MAX_NODES} values"))) }
    }

    /// Adds a node that is whole.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(node.fault(format!("there are more than {MAX_NODES} values")));
        }
        if anchor > 0 {
            self.nodes += node.count();
            self.anchors.insert(anchor, node.clone());
        }
        let Some(Open { node: parent, key, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Mapping(entries) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let text = node.text("a key")?;
                    if let Some((first, _)) = entries.iter().find(|(first, _)| first.text("").is_ok_and(|t| t == text))
                    {
                        let why = format!("the key {text:?} is given a second time, first in line {}", first.line);
                        return Err(node.fault(why));
                    }
                    *key = Some(node);
                }
            },
            Content::Null | Content::Plain(_) | Content::Quoted(_) => {}
        }
        Ok(())
    }
}
