//! Who may hold a connection: so many at once, and so many of one address.
//!
//! A connection that waits for its client (for a head, a body, or for what was sent to be read)
//! makes room for a new one when there is none left, the longest waiting first. So who holds
//! thousands of them only displaces themselves, and the next request, of whoever it is, is answered.
//! One that we work for is never ended so.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All places.
pub(crate) struct Places {
    most: usize,
    most_of_an_address: usize,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// Counts up: names places, and says who waits longer.
    last: u64,
    taken: HashMap<u64, Taken>,
    of_address: HashMap<IpAddr, usize>,
    /// Places whose client is waited for, by since when.
    waiting: BTreeMap<u64, u64>,
}

struct Taken {
    address: IpAddr,
    leave: CancellationToken,
    waits_since: Option<u64>,
    /// From a request's head to the end of its answer.
    works: bool,
    /// Within that time, the client is waited for.
    held_up: bool,
}

/// Why there is none left.
#[derive(Debug, PartialEq, Eq)]
enum Full {
    /// For anybody.
    All,
    /// For this address.
    OfAddress,
}

/// One connection's place, given back when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Place(Arc<Held>);

struct Held {
    id: u64,
    places: Arc<Places>,
    leave: CancellationToken,
    has_begun: AtomicBool,
}

impl Places {
    pub(crate) fn new(most: usize, most_of_an_address: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_an_address,
            state: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A place, when there is one; `None` when this address has as many as it may, and works on all
    /// of them.
    pub(crate) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            let freed = self.freed.notified();
            match self.try_take(address) {
                Ok(place) => return Some(place),
                Err(Full::OfAddress) => return None,
                Err(Full::All) => freed.await,
            }
        }
    }

    fn try_take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let mut state = self.state();
        let of_address = state.of_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.most_of_an_address && !state.displace(Some(address)) {
            return Err(Full::OfAddress);
        }
        if state.taken.len() >= self.most && !state.displace(None) {
            return Err(Full::All);
        }
        let leave = CancellationToken::new();
        state.last += 1;
        let id = state.last;
        *state.of_address.entry(address).or_default() += 1;
        state.taken.insert(
            id,
            Taken {
                address,
                leave: leave.clone(),
                waits_since: None,
                works: false,
                held_up: false,
            },
        );
        state.weigh(id);
        Ok(Place(Arc::new(Held {
            id,
            places: self.clone(),
            leave,
            has_begun: AtomicBool::new(false),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends the connection that waits longest, of this address or of all.
    fn displace(&mut self, address: Option<IpAddr>) -> bool {
        let is_meant = |id: &u64| {
            let taken = self.taken.get(id);
            taken.is_some_and(|taken| address.is_none_or(|address| taken.address == address))
        };
        let Some(id) = self.waiting.values().copied().find(is_meant) else {
            return false;
        };
        if let Some(taken) = self.free(id) {
            taken.leave.cancel();
        }
        true
    }

    fn free(&mut self, id: u64) -> Option<Taken> {
        let taken = self.taken.remove(&id)?;
        if let Some(since) = taken.waits_since {
            self.waiting.remove(&since);
        }
        if let Some(count) = self.of_address.get_mut(&taken.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&taken.address);
            }
        }
        Some(taken)
    }

    /// Notes whether the place waits now, from now on.
    fn weigh(&mut self, id: u64) {
        let Some(taken) = self.taken.get_mut(&id) else {
            return;
        };
        if let Some(since) = taken.waits_since.take() {
            self.waiting.remove(&since);
        }
        if !taken.works || taken.held_up {
            self.last += 1;
            taken.waits_since = Some(self.last);
            self.waiting.insert(self.last, id);
        }
    }
}

impl Place {
    /// A request's head has come.
    pub(crate) fn works(&self) {
        self.0.has_begun.store(true, Ordering::Relaxed);
        self.change(|taken| (taken.works, taken.held_up) = (true, false));
    }

    /// Its answer was sent, or will not be.
    pub(crate) fn rests(&self) {
        self.change(|taken| (taken.works, taken.held_up) = (false, false));
    }

    /// The client is waited for, from now on, or not any more.
    pub(crate) fn held_up(&self, is_held_up: bool) {
        self.change(|taken| taken.held_up = is_held_up);
    }

    /// Has a first request come?
    pub(crate) fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed)
    }

    /// Resolves when the place is needed for somebody else.
    pub(crate) async fn displaced(&self) {
        self.0.leave.cancelled().await;
    }

    fn change(&self, change: impl FnOnce(&mut Taken)) {
        let mut state = self.0.places.state();
        if let Some(taken) = state.taken.get_mut(&self.0.id) {
            change(taken);
            state.weigh(self.0.id);
        }
        drop(state);
        // Perhaps it makes room now.
        self.0.places.freed.notify_one();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.state().free(self.id);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{Full, Place, Places};

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn is_displaced(place: &Place) -> bool {
        place.0.leave.is_cancelled()
    }

    #[test]
    fn who_holds_all_places_displaces_themselves() {
        let places = Places::new(8, 4);
        let held: Vec<_> = (0..4).map(|_| places.try_take(ONE).unwrap()).collect();
        let others = places.try_take(OTHER).unwrap();
        held[0].works();
        let fifth = places.try_take(ONE).unwrap();
        let displaced: Vec<_> = held.iter().map(is_displaced).collect();
        // Not the one that is worked for, and the longest waiting of the rest.
        assert_eq!(displaced, [false, true, false, false]);
        assert!(!is_displaced(&others) && !is_displaced(&fifth));
    }

    #[test]
    fn a_place_that_is_worked_for_is_kept() {
        let places = Places::new(3, 2);
        let held = [ONE, ONE].map(|address| places.try_take(address).unwrap());
        held.iter().for_each(Place::works);
        assert_eq!(places.try_take(ONE).err(), Some(Full::OfAddress));
        let third = places.try_take(OTHER).unwrap();
        third.works();
        assert_eq!(places.try_take(OTHER).err(), Some(Full::All));
        // It waits for the rest of a body.
        third.held_up(true);
        let fourth = places.try_take(OTHER).unwrap();
        assert!(is_displaced(&third));
        drop(third);
        fourth.works();
        assert_eq!(places.try_take(OTHER).err(), Some(Full::All));
        held[0].rests();
        assert!(places.try_take(OTHER).is_ok() && is_displaced(&held[0]));
    }

    #[tokio::test]
    async fn a_place_that_is_given_back_is_given_to_who_waits() {
        let places = Places::new(1, 1);
        let held = places.try_take(ONE).unwrap();
        held.works();
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take(OTHER).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert!(waiting.await.unwrap());
        assert!(places.state().of_address.is_empty());
    }
}
