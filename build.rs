//! Generates Rust types for our `proto/*.proto` with a compiler written in Rust, so that no `protoc` is needed, and packs
//! the files of `ui/` for `server::ui`.

#[path = "src/server/ui/join.rs"]
mod join;

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};
use xxhash_rust::xxh3::xxh3_64;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(
        ["proto/remote.proto", "proto/write_v2.proto", "proto/query.proto", "proto/metrics.proto"],
        ["proto"],
    )?;
    prost_build::Config::new().compile_fds(files)?;
    println!("cargo:rerun-if-changed=ui");
    println!("cargo:rerun-if-changed=src/server/ui/join.rs");
    pack_ui(Path::new("ui"), &PathBuf::from(std::env::var("OUT_DIR")?))
}

/// The script that pages run, and the style sheet, into which the others are joined.
const SCRIPT: &str = "core/app.js";
const STYLES: &str = "css/all.css";
/// Runs before anything is painted, so it stays on its own.
const THEME: &str = "core/theme.js";

/// Writes `ui.rs`: the hash of all files of the page, and each with its path and gzipped bytes, by ascending path.
fn pack_ui(ui: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(ui, &mut files)?;
    let mut contents = BTreeMap::new();
    for path in &files {
        let name = path.strip_prefix(ui)?.to_str().ok_or("a file of ui/ has no name in UTF-8")?;
        contents.insert(name.to_owned(), fs::read_to_string(path)?);
    }
    join_scripts(&mut contents)?;
    join_styles(&mut contents)?;
    let all: Vec<u8> = contents.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()].concat()).collect();
    let hash = format!("{:016x}", xxh3_64(&all));
    let mut table =
        format!("pub(super) const HASH: &str = {hash:?};\npub(super) static FILES: &[(&str, &[u8])] = &[\n");
    fs::create_dir_all(out.join("ui"))?;
    for (number, (path, text)) in contents.iter().enumerate() {
        // Without a time stamp, so that equal sources make equal programs.
        let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        packed.write_all(text.replace("@hash@", &hash).as_bytes())?;
        let packed_path = out.join("ui").join(format!("{number}.gz"));
        fs::write(&packed_path, packed.finish()?)?;
        writeln!(table, "    ({path:?}, include_bytes!({packed_path:?})),")?;
    }
    table.push_str("];\n");
    Ok(fs::write(out.join("ui.rs"), table)?)
}

/// Puts one script in place of all modules.
fn join_scripts(contents: &mut BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    let theme = contents.remove(THEME).ok_or("ui/ has no script for the theme")?;
    let mut modules = BTreeMap::new();
    while let Some(path) = contents.keys().find(|path| path.ends_with(".js")).cloned() {
        let module = contents.remove(&path).unwrap_or_default();
        modules.insert(path, without_comment_lines(&module));
    }
    contents.insert(SCRIPT.to_owned(), join::join(&modules, SCRIPT)?);
    contents.insert(THEME.to_owned(), without_comment_lines(&theme));
    Ok(())
}

/// Puts one style sheet in place of those that the document links, in its order.
fn join_styles(contents: &mut BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    let document = contents.remove("index.html").ok_or("ui/ has no index.html")?;
    let (mut html, mut styles) = (String::new(), String::new());
    for line in document.lines() {
        let link = line.strip_prefix(r#"<link rel="stylesheet" href="ui/@hash@/"#);
        let Some(path) = link.and_then(|link| link.strip_suffix(r#"">"#)) else {
            html += line;
            html.push('\n');
            continue;
        };
        if styles.is_empty() {
            writeln!(html, r#"<link rel="stylesheet" href="ui/@hash@/{STYLES}">"#)?;
        }
        styles += &contents.remove(path).ok_or_else(|| format!("index.html links ui/{path}, which isn't there"))?;
    }
    contents.insert("index.html".to_owned(), html);
    contents.insert(STYLES.to_owned(), styles);
    Ok(())
}

/// A script whose comments at beginnings of lines, a third of it, are left out. Lines keep their numbers; the source is in `ui/`.
fn without_comment_lines(script: &str) -> String {
    let (mut out, mut in_comment) = (String::new(), false);
    for line in script.lines() {
        let begin = line.trim_start();
        in_comment |= begin.starts_with("/*");
        if in_comment {
            if let Some((_, code)) = line.split_once("*/") {
                out.push_str(code);
                in_comment = false;
            }
        } else if !begin.starts_with("//") {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// Collects what browsers load. Tests and what only tools read stay out.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for path in fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())) {
        let path = path?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "tests" && name != "node_modules" {
                collect(&path, files)?;
            }
        } else if [".js", ".css", ".svg", ".html"].iter().any(|end| name.ends_with(end)) && !name.ends_with(".test.js")
        {
            files.push(path);
        }
    }
    Ok(())
}
