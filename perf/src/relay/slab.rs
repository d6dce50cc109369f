//! Values known by small numbers that are used again.

pub struct Slab<T> {
    all: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab {
            all: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// The number that the next value will have.
    pub fn next(&self) -> usize {
        self.free.last().copied().unwrap_or(self.all.len())
    }

    pub fn put(&mut self, value: T) -> usize {
        let number = self.next();
        self.free.pop();
        match self.all.get_mut(number) {
            Some(place) => *place = Some(value),
            None => self.all.push(Some(value)),
        }
        number
    }

    pub fn get(&mut self, number: usize) -> Option<&mut T> {
        self.all.get_mut(number)?.as_mut()
    }

    pub fn take(&mut self, number: usize) -> Option<T> {
        let value = self.all.get_mut(number)?.take()?;
        self.free.push(number);
        Some(value)
    }
}
