//! The web interface as the binary serves it: every file that a page can load is there, packed, and keeps to the policy.

use std::{collections::BTreeSet, io::Read};

use super::{
    http_client::{Response, get, request},
    process::{Server, free_address, vctsdb},
};

fn started(more: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let options = [&["--self-scrape.interval", "0"], more].concat();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    (dir, server)
}

fn browse(server: &Server, path: &str, more: &[(&str, &str)]) -> Response {
    let headers = [&[("Accept", "text/html,*/*;q=0.8"), ("Accept-Encoding", "gzip, deflate, br, zstd")], more].concat();
    request(&server.address, "GET", path, &headers, b"").unwrap()
}

fn inflated(response: &Response) -> String {
    assert_eq!(response.header("content-encoding"), Some("gzip"), "{}", response.headers);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*response.body).read_to_string(&mut text).unwrap();
    text
}

/// What stands between `before` and the next quotation mark, each time.
fn quoted<'t>(text: &'t str, before: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}

/// `path` as a module in the folder of `from` names it.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The paths of all files that a page can load, each of which is there and kept for as long as `caching` says.
fn loadable(server: &Server, caching: &str) -> BTreeSet<String> {
    let document = inflated(&browse(server, "/", &[]));
    let linked = quoted(&document, "src=\"").chain(quoted(&document, "href=\"").filter(|path| path.starts_with("ui/")));
    let mut waiting: Vec<String> = linked.map(str::to_owned).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let file = browse(server, &format!("/{path}"), &[]);
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(file.header("cache-control"), Some(caching), "{path}");
        let text = inflated(&file);
        if path.ends_with(".js") {
            let imports = quoted(&text, "from \"").chain(quoted(&text, "import(\"")).chain(quoted(&text, "import \""));
            waiting.extend(imports.filter(|to| to.starts_with('.')).map(|to| resolve(&path, to)));
        }
    }
    seen
}

#[test]
fn every_file_that_a_page_can_load_is_there_packed_and_kept() {
    let (_dir, server) = started(&[]);
    let page = browse(&server, "/", &[]);
    let document = inflated(&page);
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let seen = loadable(&server, "public, max-age=31536000, immutable");
    let names: Vec<&str> = seen.iter().filter_map(|path| path.splitn(3, '/').nth(2)).collect();
    assert_eq!(names, ["core/app.js", "core/theme.js", "css/all.css", "icon.svg"], "scripts and styles are joined");
    assert_eq!(browse(&server, "/ui/0123456789abcdef/core/app.js", &[]).status, 404, "another version");

    let plain = request(&server.address, "GET", "/", &[], b"").unwrap();
    assert_eq!((plain.header("content-encoding"), plain.text()), (None, document));
    let tag = page.header("etag").unwrap();
    let again = browse(&server, "/graph", &[("If-None-Match", tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn pages_keep_text_from_becoming_markup_and_others_from_framing_them() {
    let (_dir, server) = started(&[]);
    for path in ["/", "/graph?g0.expr=up", "/query", "/vmui", "/server", "/tsdb-status"] {
        let page = browse(&server, path, &[]);
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy").unwrap();
        for rule in
            ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"));
    }
    assert_eq!(browse(&server, "/vmui/", &[]).status, 301, "its hash is kept by the browser");
    assert_eq!(get(&server.address, "/query").unwrap().status, 400, "no page for a program");
    let statement = browse(&server, "/query?q=SHOW+DATABASES", &[]);
    assert_eq!((statement.status, statement.header("content-type")), (200, Some("application/json")));
}

#[test]
fn from_a_folder_each_module_is_a_file() {
    let (_dir, server) = started(&["--web.ui", concat!(env!("CARGO_MANIFEST_DIR"), "/ui")]);
    let seen = loadable(&server, "no-store");
    for path in ["ui/now/core/api.js", "ui/now/pages/home.js", "ui/now/css/base.css"] {
        assert!(seen.contains(path), "{path} of {seen:?}");
    }
}

#[test]
fn the_interface_can_be_left_out_or_come_from_a_folder() {
    let (_dir, server) = started(&["--web.ui", "off"]);
    assert_eq!(browse(&server, "/graph", &[]).status, 404);
    let landing = get(&server.address, "/").unwrap();
    assert_eq!(landing.header("content-security-policy"), Some("default-src 'self'; frame-ancestors 'none'"));
    let write = format!("http://{}/api/v1/write", server.address);
    assert!(landing.text().contains(&write), "{}", landing.text());

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<script src=\"ui/@hash@/a.js\">").unwrap();
    std::fs::write(folder.path().join("a.js"), "1").unwrap();
    let (_dir, server) = started(&["--web.ui", folder.path().to_str().unwrap()]);
    assert_eq!(inflated(&browse(&server, "/", &[])), "<script src=\"ui/now/a.js\">");
    assert_eq!(inflated(&browse(&server, "/ui/now/a.js", &[])), "1");
    std::fs::write(folder.path().join("a.js"), "2").unwrap();
    assert_eq!(inflated(&browse(&server, "/ui/now/a.js", &[])), "2");
    assert_eq!(browse(&server, "/ui/now/%2e%2e/a.js", &[]).status, 404);
}
