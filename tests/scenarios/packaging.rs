//! The files by which others install and run the program say only what it understands.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use super::process::{free_address, vctsdb};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vctsdb")).args(args).output().unwrap()
}

/// What may be set of a program's own flags: `--name` and `VCTSDB_NAME`, as its help names them.
fn settings(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let is_one = |word: &str| {
        word.starts_with("VCTSDB_") || word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic))
    };
    words.map(|word| word.trim_end_matches('.')).filter(|word| is_one(word)).collect()
}

/// The lines that aren't comments.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[test]
fn flags_and_variables_of_the_packages_are_the_programs() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let check = String::from_utf8(run(&["check", "ready", "--help"]).stdout).unwrap();
    let known = [settings(&help), settings(&check)].concat();
    for (file, least) in [("Dockerfile", 2), ("packaging/vctsdb.service", 1), ("packaging/kubernetes.yaml", 3)] {
        let text = read(file);
        let said: Vec<&str> = settings(&text).into_iter().filter(|word| !OTHERS.contains(word)).collect();
        for word in &said {
            assert!(known.contains(word), "{file}: {word} is not known to vctsdb");
        }
        assert!(said.len() >= least, "{file}: only {said:?}");
    }
    let start =
        read("packaging/vctsdb.service").lines().find_map(|line| line.strip_prefix("ExecStart=").map(str::to_owned));
    assert_eq!(start.unwrap(), "/usr/bin/vctsdb --data-dir /var/lib/vctsdb", "StateDirectory= is that directory");
}

/// Flags in those files that are other programs': of cargo, of Docker, and of `vctsdb token`.
const OTHERS: [&str; 8] =
    ["--release", "--locked", "--bin", "--from", "--interval", "--timeout", "--start-period", "--role"];

#[test]
fn the_image_is_built_by_the_compiler_that_the_project_asks_for() {
    let (docker, cargo) = (read("Dockerfile"), read("Cargo.toml"));
    let least = cargo.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"')).unwrap();
    assert!(docker.contains(&format!("FROM rust:{least}-")), "{least}");
    // Everything runs as the same number, which owns the volume.
    let kubernetes = read("packaging/kubernetes.yaml");
    assert!(docker.contains("USER 65532:65532") && kubernetes.contains("runAsUser: 65532"));
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("vctsdb.service");
    let text = read("packaging/vctsdb.service").replace("/usr/bin/vctsdb", env!("CARGO_BIN_EXE_vctsdb"));
    fs::write(&unit, text).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&unit).output() {
        Ok(found) => {
            let said = String::from_utf8_lossy(&found.stderr);
            let ours: Vec<&str> = said.lines().filter(|line| line.contains("vctsdb.service")).collect();
            assert!(ours.is_empty() && found.status.success(), "{said}");
        }
        Err(error) => println!("skipped: systemd-analyze: {error}"),
    }
}

#[test]
fn whether_a_server_is_ready_is_an_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let url = format!("http://{address}");
    let nobody = run(&["check", "ready", "--server", &url]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    let server = vctsdb(&dir.path().join("data"), &address, &[]);
    let ready = run(&["check", "ready", "--server", &url]);
    assert_eq!((ready.status.code(), String::from_utf8_lossy(&ready.stdout).contains("ready")), (Some(0), true));
    drop(server);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let starting = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        assert!(client.read(&mut [0; 4096]).unwrap() > 0);
        client.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nnot ready").unwrap();
    });
    let unready = run(&["check", "ready", "--server", &url]);
    assert_eq!(unready.status.code(), Some(1), "{unready:?}");
    assert!(String::from_utf8_lossy(&unready.stderr).contains("503 Service Unavailable: not ready"), "{unready:?}");
    starting.join().unwrap();
}

#[test]
fn what_a_container_is_given_alone_does_not_open_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let text = without_comments(&read("Dockerfile"));
    let variables = text.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    for variable in variables.split(' ') {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, if name == "VCTSDB_DATA_DIR" { dir.path().to_str().unwrap() } else { value });
    }
    let refused = command.output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--web.allow-anonymous"), "{refused:?}");
}

#[test]
fn shells_complete_and_manuals_explain_every_command() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let listed = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    // What a description has in further lines is indented further.
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = names.filter(|name| !["", "help"].contains(name)).collect();
    assert!(commands.len() > 10 && commands.contains(&"backup"), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).unwrap();
        for name in commands.iter().chain(&["retention.time", "dry-run"]) {
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
    assert_eq!(run(&["completions", "cmd"]).status.code(), Some(2));

    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man/man1");
    assert!(run(&["man", pages.to_str().unwrap()]).status.success());
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(page("vctsdb.1").contains("retention"));
    for name in commands {
        assert!(page(&format!("vctsdb-{name}.1")).contains(".SH DESCRIPTION"), "{name}");
    }
    let blocked = dir.path().join("file");
    fs::write(&blocked, "").unwrap();
    assert_eq!(run(&["man", blocked.to_str().unwrap()]).status.code(), Some(1));
}

#[test]
fn the_login_in_the_example_for_kubernetes_wants_a_token_before_anything_starts() {
    let text = read("packaging/kubernetes.yaml");
    let (_, rest) = text.split_once("  web.yml: |\n").unwrap();
    let lines = rest.lines().map_while(|line| line.strip_prefix("    "));
    let login = lines.map(|line| format!("{line}\n")).collect::<String>();
    let dir = tempfile::tempdir().unwrap();
    let (file, data) = (dir.path().join("web.yml"), dir.path().join("data"));
    let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
    fs::write(file, &login).unwrap();
    let refused = run(&["--data-dir", data, "--listen", ":0", "--web.config.file", file]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("there is neither a user nor a token"), "{refused:?}");

    let made = String::from_utf8(run(&["token", "prometheus", "--role", "write"]).stdout).unwrap();
    let (_, line) = made.split_once('\n').unwrap();
    assert!(login.contains("tokens: []\n"), "{login}");
    fs::write(file, login.replace("tokens: []\n", &format!("tokens:\n{line}"))).unwrap();
    let checked = run(&["check", "web-config", file]);
    assert!(checked.status.success(), "{checked:?}");
}
