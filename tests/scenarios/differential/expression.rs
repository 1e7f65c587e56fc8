//! Expressions as trees of text, so that any of them can be made smaller without knowing its grammar.

use std::fmt;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Text,
    Vector,
    Matrix,
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    kind: Kind,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// Text that may be left out: a modifier, a matcher.
    Optional(String),
    Child(Node),
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, pieces: Vec::new() }
    }

    pub(crate) fn leaf(kind: Kind, text: impl Into<String>) -> Self {
        Self::new(kind).text(text)
    }

    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.pieces.push(Piece::Text(text.into()));
        self
    }

    pub(crate) fn optional(mut self, text: impl Into<String>) -> Self {
        self.pieces.push(Piece::Optional(text.into()));
        self
    }

    pub(crate) fn child(mut self, child: Self) -> Self {
        self.pieces.push(Piece::Child(child));
        self
    }

    /// `name(children)`
    pub(crate) fn call(kind: Kind, name: &str, children: impl IntoIterator<Item = Self>) -> Self {
        let mut node = Self::leaf(kind, format!("{name}("));
        for (i, child) in children.into_iter().enumerate() {
            node = if i == 0 { node } else { node.text(", ") }.child(child);
        }
        node.text(")")
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is more than a selector.
    pub(crate) fn is_calculated(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Child(_)))
    }

    /// All parts and the way to each of them, inner ones before those around them.
    pub(crate) fn innermost_first(&self) -> Vec<(Vec<usize>, &Self)> {
        let mut out = Vec::new();
        for (i, piece) in self.pieces.iter().enumerate() {
            let Piece::Child(child) = piece else { continue };
            out.extend(child.innermost_first().into_iter().map(|(path, node)| ([vec![i], path].concat(), node)));
        }
        out.push((Vec::new(), self));
        out
    }

    /// The expression with another part at the end of this way.
    pub(crate) fn replaced(&self, path: &[usize], part: Self) -> Self {
        let Some((first, rest)) = path.split_first() else { return part };
        let mut node = self.clone();
        if let Some(Piece::Child(child)) = node.pieces.get_mut(*first) {
            *child = child.replaced(rest, part);
        }
        node
    }

    /// Expressions that are a little smaller: boldest first.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut out = Vec::new();
        self.descendants(self.kind, &mut out);
        for (i, piece) in self.pieces.iter().enumerate() {
            let with = |piece: Option<Piece>| {
                let mut node = self.clone();
                node.pieces.splice(i..=i, piece);
                node
            };
            match piece {
                Piece::Text(_) => {}
                Piece::Optional(_) => out.push(with(None)),
                Piece::Child(child) => {
                    out.extend(child.smaller().into_iter().map(|smaller| with(Some(Piece::Child(smaller)))));
                }
            }
        }
        let simple = match self.kind {
            Kind::Scalar => "1",
            Kind::Vector => "small",
            Kind::Matrix | Kind::Text => return out,
        };
        if self.pieces.iter().any(|p| matches!(p, Piece::Child(_))) {
            out.push(Self::leaf(self.kind, simple));
        }
        out
    }

    fn descendants(&self, kind: Kind, out: &mut Vec<Self>) {
        for piece in &self.pieces {
            let Piece::Child(child) = piece else { continue };
            if child.kind == kind {
                out.push(child.clone());
            }
            child.descendants(kind, out);
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) | Piece::Optional(text) => f.write_str(text),
            Piece::Child(child) => child.fmt(f),
        })
    }
}

/// The smallest expression on the way down from `node` for which `differs` still holds, found with at most `tries`
/// questions.
pub(crate) fn shrink(node: Node, mut tries: usize, mut differs: impl FnMut(&Node) -> bool) -> Node {
    let mut best = node;
    'smaller: loop {
        for candidate in best.smaller() {
            if tries == 0 {
                return best;
            }
            tries -= 1;
            if candidate.to_string().len() < best.to_string().len() && differs(&candidate) {
                best = candidate;
                continue 'smaller;
            }
        }
        return best;
    }
}

#[test]
fn a_failing_expression_shrinks_to_what_fails() {
    let leaf = |text: &str| Node::leaf(Kind::Vector, text);
    let abs = Node::call(Kind::Vector, "abs", [leaf("gauge").optional(" offset 5m")]);
    let whole = Node::new(Kind::Vector).child(leaf("small")).text(" + ").child(abs);
    assert_eq!(whole.to_string(), "small + abs(gauge offset 5m)");
    let parts = whole.innermost_first();
    let texts: Vec<String> = parts.iter().map(|(_, part)| part.to_string()).collect();
    assert_eq!(texts, ["small", "gauge offset 5m", "abs(gauge offset 5m)", "small + abs(gauge offset 5m)"]);
    assert_eq!(whole.replaced(&parts[1].0, leaf("up")).to_string(), "small + abs(up)");
    assert_eq!(shrink(whole, 100, |node| node.to_string().contains("abs(")).to_string(), "abs(gauge)");
}
