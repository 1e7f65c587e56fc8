//! Logins and roles.

use std::{fmt::Write as _, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Method, StatusCode};

use super::harness::{Answer, Server, some_series};
use crate::server::{Access, AccessOptions, Role, Token, User, routes, token_digest};

const METRIC: &[u8] = b"a 1\n";

/// A user for each role, whose password is the role's name twice, and a token, which is the role's name.
fn options() -> AccessOptions {
    let user = |role: Role| User {
        name: role.name().into(),
        hash: bcrypt::hash(role.name().repeat(2), 4).unwrap().into(),
        role,
    };
    let token = |role: Role| Token { name: role.name().into(), digest: token_digest(role.name().as_bytes()), role };
    AccessOptions {
        users: Role::ALL.map(user).into(),
        tokens: Role::ALL.map(token).into(),
        anonymous: vec![Role::Health],
        headers: vec![("x-frame-options".parse().unwrap(), "deny".parse().unwrap())],
    }
}

async fn server(options: AccessOptions) -> Server {
    let server = Server::with(|server| server.access = Arc::new(Access::new(options))).await;
    server.ready(some_series(1));
    server
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

async fn ask(server: &Server, method: Method, path: &str, login: &str) -> Answer {
    let headers: &[(&str, &str)] = if login.is_empty() { &[] } else { &[("authorization", login)] };
    let body: &[u8] = if method == Method::POST { METRIC } else { b"" };
    server.ask(method, path, headers, body).await
}

/// Which logins get in at each route: `+` for in, else the status. The table is the file beside this one.
#[tokio::test]
async fn each_route_lets_in_the_roles_that_its_table_says() {
    let server = server(options()).await;
    let logins = ["", "health", "metrics", "write", "read", "backup", "admin"];
    let mut table = format!(
        "{:<42}{}\n",
        "",
        logins.map(|login| format!("{:<9}", if login.is_empty() { "nobody" } else { login })).concat().trim_end()
    );
    let mut rows: Vec<String> = Vec::new();
    for (path, method) in routes::examples() {
        let mut row = format!("{:<42}", format!("{method} {path}"));
        for login in logins {
            let bearer = if login.is_empty() { String::new() } else { format!("Bearer {login}") };
            let status = ask(&server, method.clone(), path, &bearer).await.status;
            let shut = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            // Flux is refused to everybody.
            let shut = shut && !(path == "/api/v2/query" && ["read", "admin"].contains(&login));
            write!(row, "{:<9}", if shut { status.as_str() } else { "+" }).unwrap();
        }
        rows.push(row.trim_end().to_owned());
    }
    rows.sort_unstable();
    table.push_str(&(rows.join("\n") + "\n"));
    assert_eq!(table, include_str!("access.txt"), "the table is now:\n{table}");
}

#[tokio::test]
async fn a_login_is_a_name_and_password_or_a_token() {
    let server = server(options()).await;
    let status = async |login: &str| ask(&server, Method::GET, "/api/v1/labels", login).await.status;
    for right in [basic("read", "readread"), basic("admin", "adminadmin"), "bearer read".into(), "Token admin".into()] {
        assert_eq!(status(&right).await, StatusCode::OK, "{right}");
        assert_eq!(status(&right).await, StatusCode::OK, "{right}, a second time");
    }
    for wrong in [
        basic("read", "x"),
        basic("nobody", "readread"),
        basic("read", ""),
        "Bearer x".into(),
        "Basic !".into(),
        "Digest x".into(),
    ] {
        let answer = ask(&server, Method::GET, "/api/v1/labels", &wrong).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::UNAUTHORIZED, "Unauthorized\n"), "{wrong}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="), "{wrong}");
        assert_eq!(answer.header("x-frame-options"), Some("deny"));
    }
    let answer = ask(&server, Method::GET, "/api/v1/labels", &basic("write", "writewrite")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.text(), "\"write\" has the role write, and this needs the role read\n");
    // A page that isn't there is nobody's business either.
    assert_eq!(ask(&server, Method::GET, "/nonsense", "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&server, Method::GET, "/nonsense", "Bearer read").await.status, StatusCode::NOT_FOUND);
    // What a preflight of a trusted page asks is answered: it carries no login.
    assert_eq!(ask(&server, Method::OPTIONS, "/api/v1/labels", "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_holds_up_nobody_who_was_right_before() {
    let server = server(options()).await;
    let right = basic("read", "readread");
    assert_eq!(ask(&server, Method::GET, "/api/v1/labels", &right).await.status, StatusCode::OK);
    let mut refused = None;
    for i in 0..12 {
        let answer = ask(&server, Method::GET, "/api/v1/labels", &basic("admin", &i.to_string())).await;
        if answer.status != StatusCode::UNAUTHORIZED {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("ten are free");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 10);
    assert_eq!(ask(&server, Method::GET, "/api/v1/labels", &right).await.status, StatusCode::OK);
    assert_eq!(ask(&server, Method::GET, "/api/v1/labels", "Bearer read").await.status, StatusCode::OK);
    assert_eq!(ask(&server, Method::GET, "/-/healthy", "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_statement_of_influxql_needs_the_role_of_what_it_does() {
    let server = server(options()).await;
    let ask = async |statement: &str, login: &str| {
        let headers = [("authorization", login), ("content-type", "application/x-www-form-urlencoded")];
        server.ask(Method::POST, "/query", &headers, format!("q={statement}").as_bytes()).await
    };
    for (statement, role, refused) in [
        ("SHOW DATABASES", "Bearer read", false),
        ("SHOW DATABASES", "Bearer write", true),
        ("CREATE DATABASE a", "Bearer write", false),
        ("CREATE DATABASE a", "Bearer read", true),
        ("DROP MEASUREMENT a", "Bearer write", true),
        ("KILL QUERY 1", "Bearer read", true),
    ] {
        let answer = ask(statement, role).await;
        assert_eq!(answer.status, StatusCode::OK, "{statement} {role}: {}", answer.text());
        assert_eq!(answer.text().contains("needs the role"), refused, "{statement} {role}: {}", answer.text());
    }
    let answer = ask("SHOW DATABASES", "Bearer nonsense").await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::UNAUTHORIZED, "{\"error\":\"Unauthorized\"}\n"));
}

#[tokio::test]
async fn what_is_open_to_everybody_is_said_by_the_file_and_a_new_one_counts_at_once() {
    let server = server(AccessOptions { anonymous: vec![Role::Health, Role::Read], ..options() }).await;
    assert_eq!(ask(&server, Method::GET, "/api/v1/labels", "").await.status, StatusCode::OK);
    assert_eq!(ask(&server, Method::GET, "/metrics", "").await.status, StatusCode::OK);
    assert_eq!(ask(&server, Method::POST, "/api/v1/import/prometheus", "").await.status, StatusCode::UNAUTHORIZED);
    let access = &server.state.options.access;
    access.reload(options()).unwrap();
    assert_eq!(ask(&server, Method::GET, "/api/v1/labels", "").await.status, StatusCode::UNAUTHORIZED);
    assert!(access.reload(AccessOptions::default()).unwrap_err().contains("restarted"));
    assert_eq!(ask(&server, Method::GET, "/api/v1/labels", "").await.status, StatusCode::UNAUTHORIZED);
}
