//! What is told of each call of a batch.

use super::Account;
use crate::base::clock::Now;
use crate::exchange::{Core, Refusal};
use crate::record::{Decision, ExchangeLog, PartRecord, RecordError, part_end_room, part_room};

/// The calls of a batch, and what is still to be recorded of their answers.
#[derive(Default)]
pub(in crate::exchange) struct Parts {
    asked: Vec<Asked>,
    answered: Vec<(Box<str>, u16)>,
}

/// One call, as it may be seen.
pub(in crate::exchange) struct Asked {
    pub id: Box<str>,
    pub method: Box<str>,
    pub target: String,
    /// The rule that lets it go, or the word for why it does not.
    pub rule: Box<str>,
    pub decision: Decision,
}

impl Asked {
    fn record(&self) -> PartRecord<'_> {
        PartRecord {
            decision: self.decision,
            id: &self.id,
            rule: &self.rule,
            method: &self.method,
            target: &self.target,
        }
    }
}

impl Parts {
    pub(super) fn records(&self) -> impl Iterator<Item = PartRecord<'_>> {
        self.asked.iter().map(Asked::record)
    }

    /// Whether the calls fit into the ring beside the head that comes first.
    pub(super) fn fit(&self, head: usize, core: &Core) -> Result<(), RecordError> {
        let need = self.records().map(|part| part_room(&part)).sum::<usize>();
        match need == 0 || core.writer.room_for(head + need) {
            true => Ok(()),
            false => Err(RecordError::Full { need }),
        }
    }

    /// Records what was decided about each.
    pub(super) fn tell(
        &self,
        log: &mut ExchangeLog,
        core: &mut Core,
        now: Now,
    ) -> Result<(), RecordError> {
        self.records()
            .try_for_each(|part| core.writer.part(log, &part, now))
    }
}

impl Account {
    /// What a batch asks for.
    pub(in crate::exchange) fn of_parts(&mut self, asked: Vec<Asked>) {
        self.parts.asked = asked;
    }

    /// What its calls are answered with, to be recorded with what the caller gets next.
    pub(in crate::exchange) fn answers(&mut self, answered: Vec<(Box<str>, u16)>) {
        self.parts.answered = answered;
    }

    /// Ring bytes of what is still to be recorded of answers.
    pub(in crate::exchange) fn answers_room(&self) -> usize {
        let ids = self.parts.answered.iter();
        ids.map(|(id, _)| part_end_room(id)).sum()
    }

    /// Records it; whoever calls has looked for room.
    pub(in crate::exchange) fn tell_answers(
        &mut self,
        core: &mut Core,
        now: Now,
    ) -> Result<(), Refusal> {
        for (id, status) in std::mem::take(&mut self.parts.answered) {
            let log = self.log.as_mut().ok_or(Refusal::RecorderUnable)?;
            let told = core.writer.part_end(log, &id, status, now);
            told.map_err(|_| Refusal::RecorderUnable)?;
        }
        Ok(())
    }
}
