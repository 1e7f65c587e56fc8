//! The files of the interface, by their paths below `ui/`.

use std::{
    borrow::Cow,
    io::{Read, Write},
    path::{Component, Path},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use super::WebUi;

/// The hash of all files, and `FILES`: each with its path and gzipped bytes, by ascending path.
mod packed {
    include!(concat!(env!("OUT_DIR"), "/ui.rs"));
}

/// What all pages are.
pub(super) const DOCUMENT: &str = "index.html";
/// Stands for the hash in paths where files come from a folder and may change at any time.
const CHANGING: &str = "now";

/// A file to be served.
pub(super) struct File {
    pub(super) content_type: &'static str,
    pub(super) gzipped: Cow<'static, [u8]>,
}

impl File {
    pub(super) fn inflated(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        // What was packed when the program was built inflates.
        let _ = GzDecoder::new(&*self.gzipped).read_to_end(&mut plain);
        plain
    }
}

/// What stands in the paths of files instead of a version.
pub(super) fn hash(ui: &WebUi) -> &'static str {
    if matches!(ui, WebUi::Folder(_)) { CHANGING } else { packed::HASH }
}

/// The file at `path`.
pub(super) fn find(ui: &WebUi, path: &str) -> Option<File> {
    let content_type = match path.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "html" => "text/html; charset=utf-8",
        _ => return None,
    };
    let gzipped = match ui {
        WebUi::Off => None,
        WebUi::On => {
            let at = packed::FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
            packed::FILES.get(at).map(|(_, bytes)| Cow::Borrowed(*bytes))
        }
        WebUi::Folder(folder) => read(folder, path).map(Cow::Owned),
    };
    Some(File { content_type, gzipped: gzipped? })
}

/// A file below `folder`, gzipped; nothing outside of it.
fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let mut bytes = below.then(|| std::fs::read(folder.join(path)).ok()).flatten()?;
    if path == DOCUMENT {
        bytes = String::from_utf8(bytes).ok()?.replace("@hash@", CHANGING).into_bytes();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_and_nothing_outside_of_a_folder_is() {
        let on = find(&WebUi::On, "core/app.js").unwrap();
        assert_eq!(on.content_type, "text/javascript; charset=utf-8");
        let folder = WebUi::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/ui").into());
        let text = |ui: &WebUi, path: &str| String::from_utf8(find(ui, path).unwrap().inflated()).unwrap();
        // In the program modules and styles are joined, and comments at beginnings of lines are left out.
        assert!(text(&WebUi::On, "css/all.css").contains(&text(&folder, "css/base.css")));
        let (script, module) = (text(&WebUi::On, "core/app.js"), text(&folder, "core/api.js"));
        assert!(module.contains("\n// Requests to the server") || module.starts_with("// Requests to the server"));
        assert!(script.contains("async function envelope(") && !script.contains("// Requests to the server"));
        for path in ["core/none.js", "core/api.js", "../ui/core/app.js", "/etc/x.js", "tests/browser/harness.js"] {
            assert!(find(&WebUi::On, path).is_none(), "{path}");
        }
        for path in ["core/none.js", "../ui/core/app.js", "/etc/x.js", "package.json"] {
            assert!(find(&folder, path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_whole_interface_is_small() {
        let bytes: usize = packed::FILES.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes <= 150 << 10, "{bytes} bytes gzipped");
        assert!(packed::FILES.is_sorted_by_key(|(path, _)| *path));
    }
}
