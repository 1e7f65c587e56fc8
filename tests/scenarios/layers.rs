//! The map of `src/lib.rs` as a check: a module uses what is below it and nothing beside or above it.

use std::{fs, path::Path};

/// Layers from top to bottom; modules in one row are neighbours that must not meet.
const LAYERS: [&[&str]; 9] = [
    &["cli"],
    &["config"],
    &["server"],
    &["promql", "remote", "ingest"],
    &["storage"],
    &["wal", "memtable", "sst", "index"],
    &["codec"],
    &["seams"],
    &["model"],
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

/// The top-level modules that a file's text names: `crate::a`, `crate::{a, b::c}`.
fn named(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect();
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            continue;
        };
        let (mut depth, mut name) = (0, String::new());
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => names.push(std::mem::take(&mut name)),
                c if depth == 0 && !c.is_whitespace() => name.push(c),
                _ => {}
            }
        }
        names.push(name);
    }
    names.iter().map(|n| n.split(':').next().unwrap().to_owned()).filter(|n| !n.is_empty()).collect()
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
