//! Several servers presented as one.

/// A server put together of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Union {
    /// The connection's name.
    pub name: String,
    /// The names of the connections it presents, in order.
    pub members: Vec<String>,
}
