//! Questions from a worker to another thread, bounded on every side, on whatever runtime each runs.
//!
//! A worker never waits for another thread's work directly: it posts a question, goes on, and is
//! woken when there is an answer or when its own deadline comes first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot};

/// Where questions are posted. Clones share one mailbox.
pub struct Ask<Q, A = ()> {
    post: mpsc::Sender<Question<Q, A>>,
}

/// Where questions arrive.
pub struct Inbox<Q, A = ()> {
    arrived: mpsc::Receiver<Question<Q, A>>,
}

/// One question, with the way back to who asked. Dropping it tells the asker that nobody answers.
pub struct Question<Q, A = ()> {
    /// What is asked.
    pub about: Q,
    back: oneshot::Sender<A>,
}

/// The answer to come. Dropping it is giving up; waiting can be interrupted and resumed.
#[must_use]
pub struct Answer<A>(oneshot::Receiver<A>);

/// The mailbox is full or nobody empties it any more: refuse, as with every doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes questions at the moment")]
pub struct Busy;

/// A mailbox for at most `bound` questions that wait.
#[must_use]
pub fn mailbox<Q, A>(bound: usize) -> (Ask<Q, A>, Inbox<Q, A>) {
    let (post, arrived) = mpsc::channel(bound.max(1));
    (Ask { post }, Inbox { arrived })
}

impl<Q, A> Ask<Q, A> {
    /// Posts a question; never waits.
    ///
    /// # Errors
    /// [`Busy`], when the mailbox is full or closed.
    pub fn ask(&self, about: Q) -> Result<Answer<A>, Busy> {
        let (back, answer) = oneshot::channel();
        let question = Question { about, back };
        self.post.try_send(question).map_err(|_| Busy)?;
        Ok(Answer(answer))
    }

    /// Passes a question on to another mailbox, the way back included.
    ///
    /// # Errors
    /// [`Busy`]; the asker then learns that nobody answers.
    pub fn pass_on(&self, question: Question<Q, A>) -> Result<(), Busy> {
        self.post.try_send(question).map_err(|_| Busy)
    }
}

impl<Q, A> Clone for Ask<Q, A> {
    fn clone(&self) -> Ask<Q, A> {
        Ask {
            post: self.post.clone(),
        }
    }
}

impl<Q, A> Inbox<Q, A> {
    /// The next question; `None` once everybody who could ask is gone.
    pub async fn next(&mut self) -> Option<Question<Q, A>> {
        self.arrived.recv().await
    }
}

impl<Q, A> Question<Q, A> {
    /// Answers; whether somebody still listens makes no difference.
    pub fn answer(self, answer: A) {
        let _ = self.back.send(answer);
    }
}

impl<A> Future for Answer<A> {
    /// `None`: nobody will answer.
    type Output = Option<A>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<A>> {
        Pin::new(&mut self.0).poll(context).map(Result::ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_comes_back_answered() {
        let (ask, mut inbox) = mailbox::<&str, usize>(1);
        let answer = ask.ask("four").unwrap();
        let question = inbox.next().await.unwrap();
        let length = question.about.len();
        question.answer(length);
        assert_eq!(answer.await, Some(4));
    }

    #[tokio::test]
    async fn a_full_mailbox_refuses_and_a_dropped_question_says_so() {
        let (ask, inbox) = mailbox::<u8, ()>(1);
        let answer = ask.ask(1).unwrap();
        assert_eq!(ask.ask(2).err(), Some(Busy));
        drop(inbox);
        assert_eq!(answer.await, None);
        assert_eq!(ask.ask(3).err(), Some(Busy));
    }
}
