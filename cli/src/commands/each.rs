//! Repetition of a command for each name in its arguments.

use crate::failure::{DONE, Failure, REFUSED};
use crate::output::note;

/// Runs `act` for each name. A refusal does not stop the others; the highest exit code is returned.
///
/// # Errors
/// The failure of a single name; a closed output; a deployment that is out of reach; wrong usage.
pub(crate) fn for_each(names: &[String], mut act: impl FnMut(&str) -> Result<u8, Failure>) -> Result<u8, Failure> {
    let mut worst = DONE;
    for name in names {
        match act(name) {
            Ok(code) => worst = worst.max(code),
            Err(failure) if names.len() > 1 && failure.code() == REFUSED => {
                note(format!("longshore: {name}: {}", failure.text().unwrap_or_default()));
                worst = worst.max(failure.code());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(worst)
}

/// Describes a change for its confirmation: `cancel job_x`, or `cancel 3 jobs`. `plural` names several of them.
pub(crate) fn change(verb: &str, ids: &[String], plural: &str) -> String {
    match ids {
        [only] => format!("{verb} {only}"),
        _ => format!("{verb} {} {plural}", ids.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_stop_the_others() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut seen = Vec::new();
        let code = for_each(&names, |name| {
            seen.push(name.to_owned());
            if name == "b" { Err(Failure::NotMet("no".into())) } else { Ok(DONE) }
        });
        assert_eq!((code.unwrap(), seen), (REFUSED, names.to_vec()));
        assert!(for_each(&names, |_| Err(Failure::Usage("no".into()))).is_err());
        assert!(for_each(&names[..1], |_| Err(Failure::NotMet("no".into()))).is_err());
    }
}
