//! Generates Rust types for our `proto/*.proto` with a compiler written in Rust, so that no `protoc` is needed, and packs
//! the files of `ui/` for `server::ui`.

use std::{
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
    let files = protox::compile(["proto/remote.proto", "proto/write_v2.proto", "proto/query.proto"], ["proto"])?;
    prost_build::Config::new().compile_fds(files)?;
    println!("cargo:rerun-if-changed=ui");
    pack_ui(Path::new("ui"), &PathBuf::from(std::env::var("OUT_DIR")?))
}

/// Writes `ui.rs`: the hash of all files of the page, and each with its path and gzipped bytes, by ascending path.
fn pack_ui(ui: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(ui, &mut files)?;
    files.sort();
    let mut contents = Vec::new();
    for path in &files {
        contents.push((path.strip_prefix(ui)?.to_str().ok_or("a file of ui/ has no name in UTF-8")?, fs::read(path)?));
    }
    let all: Vec<u8> = contents.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes].concat()).collect();
    let hash = format!("{:016x}", xxh3_64(&all));
    let mut table =
        format!("pub(super) const HASH: &str = {hash:?};\npub(super) static FILES: &[(&str, &[u8])] = &[\n");
    fs::create_dir_all(out.join("ui"))?;
    for (number, (path, bytes)) in contents.iter().enumerate() {
        let text = std::str::from_utf8(bytes)?;
        let text = match *path {
            "index.html" => text.replace("@hash@", &hash),
            path if path.ends_with(".js") => without_comment_lines(text),
            _ => text.to_owned(),
        };
        // Without a time stamp, so that equal sources make equal programs.
        let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        packed.write_all(text.as_bytes())?;
        let packed_path = out.join("ui").join(format!("{number}.gz"));
        fs::write(&packed_path, packed.finish()?)?;
        writeln!(table, "    ({path:?}, include_bytes!({packed_path:?})),")?;
    }
    table.push_str("];\n");
    Ok(fs::write(out.join("ui.rs"), table)?)
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
