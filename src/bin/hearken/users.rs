//! The users of `--auth` and `--write-auth`, with those in files.

use std::fs;
use std::path::Path;

use hearken::{BasicAuth, CredentialsError};

use crate::args::Login;
use crate::credentials::Credentials;
use crate::failure::Failure;

/// What needs a password.
pub(crate) enum Passwords {
    /// Anyone may read, and write where writing is allowed.
    NotAsked,
    /// Anyone may read; writing needs a password.
    ForWriting(BasicAuth),
    /// Reading and writing need a password.
    ForEverything(BasicAuth),
}

impl Passwords {
    /// Reads the users of `--auth` and the writers of `--write-auth`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or a user cannot be added.
    pub(crate) fn read(users: &[Login], writers: &[Login]) -> Result<Self, Failure> {
        let mut auth = BasicAuth::new();
        for Credentials { user, password } in logins(users)? {
            auth = auth.user(&user, &password.read(&user)?).map_err(refused(user))?;
        }
        for Credentials { user, password } in logins(writers)? {
            auth = auth.writer(&user, &password.read(&user)?).map_err(refused(user))?;
        }
        Ok(match (users, writers) {
            ([], []) => Self::NotAsked,
            ([], _) => Self::ForWriting(auth),
            _ => Self::ForEverything(auth),
        })
    }

    /// Whether a password is asked for anything.
    pub(crate) fn are_asked(&self) -> bool {
        !matches!(self, Self::NotAsked)
    }
}

fn refused(name: String) -> impl FnOnce(CredentialsError) -> Failure {
    |source| Failure::User { name, source }
}

/// The users given, those in files included.
fn logins(given: &[Login]) -> Result<Vec<Credentials>, Failure> {
    let mut logins = Vec::new();
    for login in given {
        match login {
            Login::One(credentials) => logins.push(credentials.clone()),
            Login::File(path) => logins.extend(read_file(path)?),
        }
    }
    Ok(logins)
}

/// The users in a file, one a line. Blank lines, and lines that begin with `#`, are skipped.
fn read_file(path: &Path) -> Result<Vec<Credentials>, Failure> {
    let failed = |reason: String| Failure::UserFile { path: path.into(), reason };
    let text = fs::read_to_string(path).map_err(|error| failed(hearken::reason(&error)))?;
    let is_blank = |line: &str| line.trim().is_empty() || line.starts_with('#');
    let logins = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !is_blank(line))
        .map(|(index, line)| Credentials::parse(line).map_err(|error| failed(format!("line {}: {error}", index + 1))))
        .collect::<Result<Vec<_>, _>>()?;
    if logins.is_empty() {
        // Without users no password would be needed.
        return Err(failed("it names no user".into()));
    }
    Ok(logins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_may_be_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let given = [Login::One(Credentials::parse("ada:a").unwrap()), Login::File(path.clone())];
        let names = || logins(&given).map(|logins| logins.into_iter().map(|login| login.user).collect::<Vec<_>>());
        assert!(names().unwrap_err().to_string().starts_with("cannot read users from /"));
        fs::write(&path, "# who may\n\nbob:b\n  \ncyd:c:c\n").unwrap();
        assert_eq!(names().unwrap(), ["ada", "bob", "cyd"]);
        let table = [
            ("bob:b\ncyd\n", "line 2: there is no colon between user name and password"),
            ("# nobody\n", "it names no user"),
            ("", "it names no user"),
        ];
        for (text, reason) in table {
            fs::write(&path, text).unwrap();
            let failure = names().unwrap_err().to_string();
            assert!(failure.ends_with(reason), "{text:?}: {failure}");
        }
    }

    #[test]
    fn a_password_is_asked_for_what_the_users_are_for() {
        let ada = || vec![Login::One(Credentials::parse("ada:a").unwrap())];
        let bob = || vec![Login::One(Credentials::parse("bob:b").unwrap())];
        let read = |users: Vec<Login>, writers: Vec<Login>| Passwords::read(&users, &writers);
        assert!(matches!(read(vec![], vec![]), Ok(Passwords::NotAsked)));
        assert!(matches!(read(vec![], ada()), Ok(Passwords::ForWriting(_))));
        assert!(matches!(read(ada(), vec![]), Ok(Passwords::ForEverything(_))));
        assert!(matches!(read(ada(), bob()), Ok(Passwords::ForEverything(_))));
        assert!(matches!(read(ada(), ada()), Err(Failure::User { source: CredentialsError::Duplicate, .. })));
    }
}
