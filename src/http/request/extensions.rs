//! Values that layers hand on with a request, one of each type.

use std::any::Any;

/// Values by type. There are few of them, so a search through all is fast, and none costs no memory.
#[derive(Default)]
pub(super) struct Extensions(Vec<Box<dyn Any + Send>>);

impl Extensions {
    /// Adds a value. Returns the one of this type that it replaces.
    pub(super) fn insert<T: Send + 'static>(&mut self, value: T) -> Option<T> {
        let replaced = self.remove();
        self.0.push(Box::new(value));
        replaced
    }

    /// The value of this type.
    pub(super) fn find<T: 'static>(&self) -> Option<&T> {
        self.0.iter().find_map(|value| value.downcast_ref())
    }

    /// Takes out the value of this type.
    pub(super) fn remove<T: 'static>(&mut self) -> Option<T> {
        let index = self.0.iter().position(|value| value.is::<T>())?;
        self.0.swap_remove(index).downcast().ok().map(|value| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_each_type() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.insert(1_u8), None);
        assert_eq!(extensions.insert("one"), None);
        assert_eq!(extensions.insert(2_u8), Some(1));
        assert_eq!((extensions.find::<u8>(), extensions.find::<&str>()), (Some(&2), Some(&"one")));
        assert_eq!((extensions.remove::<u8>(), extensions.remove::<u8>()), (Some(2), None));
        assert_eq!((extensions.find::<u8>(), extensions.find::<&str>()), (None, Some(&"one")));
    }
}
