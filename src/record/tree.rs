//! The Merkle log of a writer: RFC 6962, SHA-256.

use crate::base::digest::sha256;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf. The leading zero keeps a leaf from passing as a node.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// A log that only grows: its size, and the roots of the perfect trees it consists of.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tree {
    size: u64,
    /// One root for each bit that is set in `size`, the largest tree first.
    peaks: Vec<Hash>,
}

impl Tree {
    /// Leaves in the log.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect trees it consists of, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The log of this size with these peaks.
    #[must_use]
    pub fn resume(size: u64, peaks: Vec<Hash>) -> Option<Tree> {
        (peaks.len() == size.count_ones() as usize).then_some(Tree { size, peaks })
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root hash; that of nothing for an empty log.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return sha256(&[]);
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, as written there.
    fn by_the_book(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [one] => *one,
            many => {
                let cut = many.len().next_power_of_two() / 2;
                node_hash(&by_the_book(&many[..cut]), &by_the_book(&many[cut..]))
            }
        }
    }

    #[test]
    fn grows_as_the_rfc_says() {
        let leaves: Vec<_> = (0..70u8).map(|it| leaf_hash(&[it])).collect();
        let mut tree = Tree::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), by_the_book(&leaves[..size]));
            tree.push(*leaf);
        }
    }
}
