//! `spec.md` shows every file format; each layout also stands beside the constants that use it. They must be the same.

use std::{fs, path::Path};

/// The sources whose comments hold layouts of bytes on disk.
const SOURCES: [&str; 13] = [
    "src/storage/layout.rs",
    "src/storage/manifest.rs",
    "src/storage/extras.rs",
    "src/wal/segment.rs",
    "src/wal/frame.rs",
    "src/wal/record/mod.rs",
    "src/wal/record/histogram.rs",
    "src/sst/mod.rs",
    "src/codec/ints.rs",
    "src/codec/pack.rs",
    "src/codec/floats.rs",
    "src/codec/histograms/mod.rs",
    "src/index/segment/format.rs",
];

/// The ```text blocks of a file's module comment.
fn layouts(source: &str) -> Vec<String> {
    let comment = source.lines().map_while(|line| line.strip_prefix("//!"));
    let text: String = comment.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    text.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn the_specification_shows_every_layout_as_the_source_has_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let spec = fs::read_to_string(root.join("spec.md")).unwrap();
    for path in SOURCES {
        let layouts = layouts(&fs::read_to_string(root.join(path)).unwrap());
        assert!(!layouts.is_empty(), "{path} has no layout");
        for layout in layouts {
            assert!(spec.contains(&layout), "spec.md lacks this layout of {path}:\n{layout}");
        }
    }
}
