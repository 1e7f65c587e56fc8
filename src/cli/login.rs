//! `vctsdb token` and `vctsdb password`: lines for a web configuration file.

use std::io::{BufRead, IsTerminal, Write};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::{Failure, stderr};
use crate::{
    model::hex,
    server::{Role, token_digest},
};

/// What all tokens begin with, so that whoever looks for secrets in files finds them.
const TOKEN_PREFIX: &str = "vcts_";
/// The cost of hashes that we make, 2^10 rounds: some 50 ms of a core at each login that isn't remembered.
const COST: u32 = 10;

/// The token to make.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// What the file and logs call it.
    #[arg(value_name = "NAME")]
    name: String,

    /// What it is good for: read, write, metrics, backup, health or admin.
    #[arg(long, value_name = "ROLE")]
    role: Role,
}

/// The user whose password to hash.
#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// The user.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Prints a new token, and the line that lets it in.
pub(super) fn token(args: &TokenArgs) -> Result<(), Failure> {
    let mut secret = [0; 32];
    let no_randomness = |_| Failure::Said("the system gives no random bytes".to_owned());
    SystemRandom::new().fill(&mut secret).map_err(no_randomness)?;
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let digest = hex::encode(&token_digest(token.as_bytes()));
    stderr::say(
        "the token, which is shown only now, and below it the line for vctsdb: tokens: in the --web.config.file",
    );
    let mut out = std::io::stdout().lock();
    writeln!(out, "{token}")?;
    writeln!(out, "    - {{name: {}, role: {}, sha256: {digest}}}", quoted(&args.name), args.role)?;
    Ok(out.flush()?)
}

/// Reads a password, and prints the line that lets its user in.
pub(super) fn password(args: &PasswordArgs) -> Result<(), Failure> {
    if args.name.contains(':') {
        return Err(Failure::Usage("a user's name can't have a colon".to_owned()));
    }
    let password = read_password()?;
    if password.is_empty() {
        return Err(Failure::Said("the password is empty; expected it as a line of standard input".to_owned()));
    }
    if password.len() > 72 {
        return Err(Failure::Said(
            "the password has more than 72 bytes, of which bcrypt heeds only the first 72".to_owned(),
        ));
    }
    let hash = bcrypt::hash(password, COST).map_err(|error| Failure::Said(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "  {}: {hash}", quoted(&args.name))?;
    Ok(out.flush()?)
}

/// A line of standard input, which isn't shown while it is typed.
fn read_password() -> Result<String, Failure> {
    let input = std::io::stdin();
    let unreadable = |error: std::io::Error| Failure::Said(format!("standard input can't be read: {error}"));
    let mut line = String::new();
    if input.is_terminal() {
        stderr::say("the password:");
        let before = tcgetattr(&input).map_err(|error| unreadable(error.into()))?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Now, &silent).map_err(|error| unreadable(error.into()))?;
        let read = input.lock().read_line(&mut line);
        tcsetattr(&input, OptionalActions::Now, &before).map_err(|error| unreadable(error.into()))?;
        read.map_err(unreadable)?;
    } else {
        input.lock().read_line(&mut line).map_err(unreadable)?;
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A name as YAML has it: in quotes unless it is plainly a word.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*name.to_ascii_lowercase());
    if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_yaml_would_read_them_otherwise() {
        for (name, want) in
            [("prom-eu", "prom-eu"), ("no", "'no'"), ("5", "'5'"), ("it's", "'it''s'"), ("", "''"), ("a b", "'a b'")]
        {
            assert_eq!(quoted(name), want);
        }
    }
}
