//! The map of `src/lib.rs` as a check: a module uses what is below it and nothing beside or above it.

use std::{fs, path::Path};

/// Layers from top to bottom; modules in one row are neighbours that must not meet.
const LAYERS: [&[&str]; 9] = [
    &["cli"],
    &["config"],
    &["server"],
    &["promql", "influxql", "remote", "ingest"],
    &["storage"],
    &["wal", "memtable", "sst", "index"],
    &["codec"],
    &["seams"],
    &["model"],
];
/// The floors inside `promql`, from top to bottom: the same rule holds for them.
const PROMQL: [&[&str]; 14] = [
    &["script"],
    &["results"],
    &["engine"],
    &["explain", "stack"],
    &["exec"],
    &["plan", "budget"],
    &["parse"],
    &["check", "features"],
    &["lex", "pretty", "print"],
    &["ast"],
    &["signature"],
    &["functions"],
    &["data", "duration"],
    &["error", "names", "quote", "value"],
];
/// The floors inside `influxql`.
const INFLUXQL: [&[&str]; 10] = [
    &["engine"],
    &["show", "explain", "missing"],
    &["database"],
    &["exec"],
    &["plan"],
    &["print", "schema", "functions"],
    &["parse"],
    &["lex", "value"],
    &["ast"],
    &["error", "window", "digest", "near"],
];
/// Anyone may use it; it uses no one.
const EVERYWHERE: &str = "telemetry";
/// `server` joins reads and writes through the seams; only these may name `storage`.
const OPENERS: [&str; 2] = ["cli", "config"];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

fn allowed(from: &str, to: &str) -> bool {
    if from == to || to == EVERYWHERE {
        return true;
    }
    if from == EVERYWHERE || (to == "storage" && !OPENERS.contains(&from)) {
        return false;
    }
    matches!((layer(from), layer(to)), (Some(from), Some(to)) if from < to)
}

fn rust_files(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            rust_files(&entry.path(), out);
        } else if entry.path().extension().is_some_and(|e| e == "rs") {
            out.push(entry.path());
        }
    }
}

/// The code of a file without comments and without its tests, which may look from above.
fn code(text: &str) -> String {
    let body = text.split("mod tests {").next().unwrap_or_default();
    body.lines().filter(|l| !l.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect()
}

/// What stands behind each `prefix` in the code: `a::b` and `c` of `prefix{a::b, c}`.
fn behind(prefix: &str, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        // `super::super::` is no `super::`, and `mysuper::` neither.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect());
            continue;
        };
        let (mut depth, mut name) = (0, String::new());
        for c in list.chars() {
            match c {
                '}' if depth == 0 => break,
                ',' if depth == 0 => names.push(std::mem::take(&mut name)),
                c => {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    name.extend((!c.is_whitespace()).then_some(c));
                }
            }
        }
        names.push(name);
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first(path: &str) -> &str {
    path.split(':').next().unwrap_or_default()
}

/// The top-level modules that a file's text names: `crate::a`, `crate::{a, b::c}`.
fn named(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect();
    behind("crate::", &code).iter().map(|path| first(path).to_owned()).collect()
}

/// What a file of a module inside `domain` names of that domain, `depth` being how many folders it lies below it: by way
/// of `crate::domain::…`, also where that stands in braces, and of `super::…`.
fn named_inside(domain: &str, depth: usize, code: &str) -> Vec<String> {
    let whole = format!("use {domain}::");
    // Each of `crate::{x, domain::{a, b}}` is read again as a use of its own.
    let uses = behind("crate::", code).into_iter().map(|path| format!("use {path};"));
    let mut names: Vec<String> = uses.flat_map(|one| behind(&whole, &one).into_iter().collect::<Vec<_>>()).collect();
    names.extend(behind(&"super::".repeat(depth), code).into_iter().filter(|path| first(path) != "super"));
    names.iter().map(|path| first(path).to_owned()).collect()
}

/// Where the names come from that a `mod.rs` hands on: `pub use a::{B, c}` gives `B` and `c` of `a`.
fn handed_on(code: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for statement in
        code.split(';').filter_map(|s| s.trim().split_once("use ").filter(|(before, _)| before.starts_with("pub")))
    {
        let Some((module, names)) = statement.1.split_once("::") else { continue };
        let names = names.trim_matches(['{', '}']).split(',').map(|n| n.trim().to_owned());
        all.extend(names.map(|name| (name, module.to_owned())));
    }
    all
}

#[test]
fn every_use_points_down_the_map() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut upward = Vec::new();
    for path in files {
        let relative = path.strip_prefix(&src).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let from = first.trim_end_matches(".rs");
        if ["lib", "main"].contains(&from) {
            continue;
        }
        assert!(layer(from).is_some() || from == EVERYWHERE, "{from} has no place on the map");
        for to in named(&fs::read_to_string(&path).unwrap()) {
            if (layer(&to).is_some() || to == EVERYWHERE) && !allowed(from, &to) {
                upward.push(format!("{}: {from} names {to}", relative.display()));
            }
        }
    }
    assert!(upward.is_empty(), "uses that point up or sideways:\n{}", upward.join("\n"));
}

/// The uses that don't point down the floors of `domain`.
fn upward_inside(domain: &str, floors: &[&[&str]]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(domain);
    let handed_on = handed_on(&code(&fs::read_to_string(root.join("mod.rs")).unwrap()));
    let floor = |module: &str| floors.iter().position(|row| row.contains(&module));
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut upward = Vec::new();
    for path in files {
        let relative = path.strip_prefix(&root).unwrap();
        let parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
        let from = parts[0].trim_end_matches(".rs");
        if ["mod", "tests"].contains(&from)
            || parts.last() == Some(&"tests.rs")
            || parts.last() == Some(&"proptests.rs")
        {
            continue;
        }
        let depth = parts.len() - usize::from(parts.last() == Some(&"mod.rs"));
        let here = floor(from).unwrap_or_else(|| panic!("{domain}/{from} has no floor"));
        for name in named_inside(domain, depth, &code(&fs::read_to_string(&path).unwrap())) {
            let module = handed_on.iter().find(|(item, _)| *item == name).map_or(&name, |(_, module)| module);
            let there = floor(module).unwrap_or_else(|| panic!("{}: {name} is on no floor", relative.display()));
            if module != from && there <= here {
                upward.push(format!("{domain}/{}: {from} names {name} of {module}", relative.display()));
            }
        }
    }
    upward
}

#[test]
fn every_use_inside_promql_points_down_its_floors() {
    let upward = upward_inside("promql", &PROMQL);
    assert!(upward.is_empty(), "uses that point up or sideways:\n{}", upward.join("\n"));
}

#[test]
fn every_use_inside_influxql_points_down_its_floors() {
    let upward = upward_inside("influxql", &INFLUXQL);
    assert!(upward.is_empty(), "uses that point up or sideways:\n{}", upward.join("\n"));
}

#[test]
fn the_check_sees_an_upward_use_inside_a_domain() {
    let code = "use super::{plan::Node, exec};\nuse crate::{model::X, promql::{QueryError, ast::{A, B}}};";
    assert_eq!(named_inside("promql", 1, code), ["QueryError", "ast", "plan", "exec"]);
    assert_eq!(named_inside("promql", 2, "use super::super::{budget::Pool};\nuse super::sibling;"), ["budget"]);
    assert_eq!(named_inside("promql", 1, "fn f() { crate::promql::exec::run() }"), ["exec"]);
    let given = |name: &str, module: &str| (name.to_owned(), module.to_owned());
    assert_eq!(
        handed_on("mod a;\npub use a::{B, c};\npub(crate) use d::E;"),
        [given("B", "a"), given("c", "a"), given("E", "d")]
    );
}

#[test]
fn the_check_sees_an_upward_use() {
    assert_eq!(named("use crate::{\n    model::{Labels, X},\n    server::run,\n};"), ["model", "server"]);
    assert_eq!(named("fn f() { crate::storage::open() }"), ["storage"]);
    assert!(!allowed("wal", "storage") && !allowed("wal", "index") && !allowed("promql", "remote"));
    assert!(allowed("storage", "wal") && allowed("wal", "telemetry") && allowed("cli", "storage"));
}

#[test]
fn one_library_encrypts_and_needs_nothing_but_a_c_compiler() {
    let lock = include_str!("../../Cargo.lock");
    assert!(lock.contains("name = \"ring\""));
    // A dependency that takes rustls with its default features brings this in, and rustls no longer knows which to use.
    assert!(!lock.contains("name = \"aws-lc"), "some dependency takes rustls with default features");
}
