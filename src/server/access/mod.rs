//! Who may do what: logins, tokens, and the roles that they have.
//!
//! [`AccessOptions`] is what a web configuration file says, [`Access`] judges requests by the newest of them. A route needs a [`Role`],
//! which its row in the table of routes names; whoever asks has one by name and password ([`passwords`]), by a token, or without either
//! what is open to everybody. Where no login is set up everybody may do everything, and only this machine is listened to.

mod credentials;
mod guesses;
mod options;
mod passwords;
mod refusal;
mod role;

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use hyper::HeaderMap;

use self::{credentials::Credentials, guesses::Guesses, passwords::Passwords};
pub use self::{
    options::{AccessOptions, Token, User, token_digest},
    role::Role,
};
pub(crate) use refusal::AccessRefusal;

/// Judges requests.
pub struct Access {
    options: ArcSwap<AccessOptions>,
    passwords: Passwords,
    guesses: Guesses,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("options", &self.options.load()).finish_non_exhaustive()
    }
}

/// Who makes a request, and what they may do; by default nobody, and nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    /// The user or the token; `None` where nobody logged in.
    pub(crate) name: Option<Arc<str>>,
    roles: Vec<Role>,
}

impl Login {
    /// Whether they may do what needs `needed`.
    pub(crate) fn may(&self, needed: Role) -> bool {
        self.roles.iter().any(|role| role.may(needed))
    }

    fn of(name: &Arc<str>, role: Role) -> Self {
        Self { name: Some(Arc::clone(name)), roles: vec![role] }
    }
}

impl Access {
    /// Judges by these options until they are replaced.
    #[must_use]
    pub fn new(options: AccessOptions) -> Self {
        Self { options: ArcSwap::from_pointee(options), passwords: Passwords::default(), guesses: Guesses::default() }
    }

    /// Judges by others from now on.
    ///
    /// # Errors
    /// When there was a login and would be none: a file that is cut short must not open the door. That takes a restart.
    pub fn reload(&self, options: AccessOptions) -> Result<(), String> {
        if self.options.load().has_login() && !options.has_login() {
            return Err(
                "the file has neither users nor tokens any more; a server that had some has to be restarted for that"
                    .to_owned(),
            );
        }
        self.options.store(Arc::new(options));
        Ok(())
    }

    /// What requests are judged by now.
    #[must_use]
    pub fn options(&self) -> Arc<AccessOptions> {
        self.options.load_full()
    }

    /// Whether a request of `address` may use a route that any of the roles in `needed` may use; an empty list is for what has to be
    /// hidden only from who has no login.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        needed: &[Role],
    ) -> Result<Login, AccessRefusal> {
        let options = self.options();
        if !options.has_login() {
            return Ok(Login { name: None, roles: vec![Role::Admin] });
        }
        let fits = |login: &Login| needed.iter().any(|needed| login.may(*needed));
        let anybody = Login { name: None, roles: options.anonymous.clone() };
        // Before the password is looked at, as that takes time: a probe may come with a login too.
        if fits(&anybody) {
            return Ok(anybody);
        }
        let login = match Credentials::of(headers) {
            Credentials::None => return Err(AccessRefusal::NoLogin),
            Credentials::Malformed => return Err(self.wrong(address)),
            Credentials::Token(token) => match options.token(&token) {
                Some(token) => Login::of(&token.name, token.role),
                None => return Err(self.wrong(address)),
            },
            Credentials::Basic { name, password } => self.user(&options, &name, &password, address).await?,
        };
        match (needed.first(), login.roles.first()) {
            (Some(needed), Some(has)) if !fits(&login) => {
                Err(AccessRefusal::Role { name: login.name.clone().unwrap_or_default(), has: *has, needed: *needed })
            }
            _ => Ok(login),
        }
    }

    async fn user(
        &self,
        options: &AccessOptions,
        name: &str,
        password: &[u8],
        address: Option<IpAddr>,
    ) -> Result<Login, AccessRefusal> {
        let user = options.users.iter().find(|user| *user.name == *name);
        let hash = user.map(|user| &*user.hash);
        // Who has logged in before isn't held up by who guesses from the same address.
        if !self.passwords.is_known(name, hash, password) {
            self.guesses.check(address)?;
            if !self.passwords.verify(name, hash, password).await? {
                return Err(self.wrong(address));
            }
        }
        let user = user.ok_or(AccessRefusal::Wrong)?;
        Ok(Login::of(&user.name, user.role))
    }

    /// A wrong login: counted, as further ones have to wait.
    fn wrong(&self, address: Option<IpAddr>) -> AccessRefusal {
        match self.guesses.check(address) {
            Ok(()) => {
                self.guesses.count(address);
                AccessRefusal::Wrong
            }
            Err(refusal) => refusal,
        }
    }
}
