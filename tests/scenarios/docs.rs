//! `docs/formats.md` shows every layout of bytes on disk; each also stands in the module comment beside the constants that
//! use it. Both ways are looked for, so that neither can be forgotten: a layout in the source is a ```` ```text ```` block of a module
//! comment below [`FOLDERS`], and one of something that never reaches the disk says `text,memory`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What writes files.
const FOLDERS: [&str; 6] = ["storage", "wal", "sst", "index", "codec", "server/queries"];

/// The ```` ```text ```` blocks of a text.
fn blocks(text: &str) -> Vec<String> {
    text.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

/// A file's module comment.
fn module_comment(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// Every layout of the source, with its file.
fn layouts(root: &Path) -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join("src").join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let comment = module_comment(&fs::read_to_string(&path).unwrap());
                found.extend(blocks(&comment).into_iter().map(|layout| (path.clone(), layout)));
            }
        }
    }
    found
}

#[test]
fn every_layout_stands_in_the_source_and_in_the_page_of_formats_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/formats.md")).unwrap();
    let layouts = layouts(root);
    for (path, layout) in &layouts {
        assert!(page.contains(layout), "docs/formats.md lacks this layout of {}:\n{layout}", path.display());
    }
    for block in blocks(&page) {
        assert!(layouts.iter().any(|(_, layout)| *layout == block), "no source has this layout any more:\n{block}");
    }
}

/// The fragment by which a link names a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let top = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<PathBuf> = docs.chain(top).filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    assert!(pages.len() > 5);
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings =
                    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
                assert!(
                    headings.any(|text| anchor(text.trim()) == heading),
                    "{}: no heading for {link}",
                    page.display()
                );
            }
        }
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// Whether `path` (`storage::replay::Aliases`) names a module, or something that its module's file defines.
fn is_defined(src: &Path, path: &str) -> bool {
    let (mut at, mut file) = (src.to_owned(), src.join("lib.rs"));
    for name in path.split("::") {
        let (folder, leaf) = (at.join(name), at.join(format!("{name}.rs")));
        let next = [folder.join("mod.rs"), leaf].into_iter().find(|path| path.is_file());
        if let Some(next) = next {
            (at, file) = (folder, next);
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let name = name.trim_end_matches('…');
        // Defined there or passed on from below.
        let kinds = ["fn ", "struct ", "enum ", "trait ", "const ", "static ", "mod ", "type ", "macro_rules! "];
        let passed_on = || text.split("pub use").skip(1).any(|rest| rest.split(';').next().unwrap().contains(name));
        return kinds.iter().any(|kind| text.contains(&format!("{kind}{name}"))) || passed_on();
    }
    true
}

#[test]
fn code_that_the_pages_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (src, scenarios) = (root.join("src"), root.join("tests/scenarios"));
    let exists = |folder: &Path, name: &str| folder.join(name).is_dir() || folder.join(format!("{name}.rs")).is_file();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|e| e == "md"));
    let (mut missing, mut found) = (Vec::new(), 0);
    for page in docs.chain(["spec.md", "README.md", "CONTRIBUTING.md"].map(|name| root.join(name))) {
        let text = fs::read_to_string(&page).unwrap();
        for name in quoted(&text).filter(|name| !name.contains(['*', ' ']) && !name.contains("NAME")) {
            let first = name.split("::").next().unwrap();
            let is_there = if name.starts_with("src/") || name.starts_with("tests/") || name.starts_with("benches/") {
                root.join(name).exists() || root.join(format!("{name}.rs")).exists()
            } else if !name.contains("::") {
                continue;
            } else if exists(&src, first) {
                is_defined(&src, name)
            } else if exists(&scenarios, first) {
                is_defined(&scenarios, name)
            } else {
                continue;
            };
            found += 1;
            if !is_there {
                missing.push(format!("{}: {name}", page.file_name().unwrap().display()));
            }
        }
    }
    assert!(found > 30, "{found}");
    assert!(missing.is_empty(), "the pages name what isn't there:\n{}", missing.join("\n"));
}
