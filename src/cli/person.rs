//! Who sits at the terminal, for what is written down of what they do.

/// The person at the terminal, as far as the system knows.
pub(super) fn whoever() -> String {
    let uid = rustix::process::getuid().as_raw();
    let named = ["SUDO_USER", "USER", "LOGNAME"];
    let named = named.iter().find_map(|name| std::env::var(name).ok());
    match named {
        Some(named) => format!("{named} (uid {uid})"),
        None => format!("uid {uid}"),
    }
}
