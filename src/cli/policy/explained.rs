//! A judgement in words.

use std::fmt::{self, Write as _};

use super::super::terminal::Paint;
use crate::auth::Principal;
use crate::policy::explain::{Considered, explain};
use crate::policy::judge::{judge, shows};
use crate::policy::{Asked, Denial, Effect, Policies, Question, Rule, Subject, Truth, Verdict};

/// What is asked, and where.
pub(super) struct Explained<'a> {
    pub caller: &'a Principal,
    pub connection: &'a str,
    pub policies: &'a Policies,
    pub subject: Subject<'a>,
    pub question: Question<'a>,
}

impl Explained<'_> {
    /// The explanation, and whether the call would be allowed.
    pub(super) fn told(&self, paint: Paint) -> (String, bool) {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.tell_call(&mut out);
        let _ = self.tell_policies(&mut out, paint);
        let judgement = judge(self.policies, &self.subject, &self.question);
        let _ = tell_verdict(&mut out, &judgement.verdict, paint);
        if let Some(shadowed) = &judgement.shadowed {
            let _ = writeln!(out, "in shadow   {}", paint.bold(would(shadowed)));
            if let Some(rule) = shadowed.rule() {
                let _ = writeln!(out, "            {}", rule_text(rule));
            }
        }
        let _ = self.tell_listed(&mut out);
        let allowed = judgement.verdict.effect() == Effect::Allow;
        (out, allowed)
    }

    fn tell_call(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "caller      {}", self.caller)?;
        writeln!(out, "connection  {}", self.connection)?;
        match self.question.asked {
            Asked::Http { method, path } => writeln!(out, "call        {method} {path}"),
            Asked::Graph(call) => {
                write!(out, "call        {} {}", call.method, call.path)?;
                match call.expand {
                    [] => writeln!(out),
                    names => writeln!(out, ", expanding {}", names.join(", ")),
                }
            }
            Asked::Mcp(call) => {
                let name = call.name.map(|name| format!(" {name}"));
                writeln!(
                    out,
                    "call        {}{}",
                    call.method,
                    name.unwrap_or_default()
                )
            }
        }
    }

    fn tell_policies(&self, out: &mut String, paint: Paint) -> fmt::Result {
        for considered in explain(self.policies, &self.subject, &self.question) {
            let name = paint.bold(&considered.policy);
            let for_caller = considered.for_caller;
            writeln!(out, "policy      {name}: for this caller: {for_caller}")?;
            for Considered { rule, truth } in &considered.rules {
                writeln!(out, "              covers the call: {}", rule_text(rule))?;
                if let Some(when) = &rule.when {
                    let holds = match truth {
                        Truth::Yes => "holds".to_owned(),
                        Truth::No => "does not hold".to_owned(),
                        Truth::Unknown => "depends on what is not known".to_owned(),
                        Truth::Wrong(trouble) => format!("fails: {trouble}"),
                    };
                    writeln!(out, "                when {}: {holds}", when.as_str())?;
                }
            }
        }
        Ok(())
    }

    /// Whether the lists of the server would show it.
    fn tell_listed(&self, out: &mut String) -> fmt::Result {
        match self.question.asked {
            Asked::Mcp(call) if call.name.is_some() => {
                let is_listed = shows(self.policies, &self.subject, &self.question);
                let answer = if is_listed { "yes" } else { "no" };
                writeln!(out, "listed      {answer}")
            }
            _ => Ok(()),
        }
    }
}

fn tell_verdict(out: &mut String, verdict: &Verdict, paint: Paint) -> fmt::Result {
    let why = match verdict {
        Verdict::Allow(_) => return tell_good(out, verdict, paint),
        Verdict::Approve(_) => {
            "refused: it needs an approval, which this version cannot get".to_owned()
        }
        Verdict::Deny(Denial::Rule(_)) => "denied by a rule".to_owned(),
        Verdict::Deny(Denial::Condition(_, trouble)) => {
            format!("denied: the condition of a rule fails: {trouble}")
        }
        Verdict::Deny(Denial::NoRule) => {
            "denied: no rule for this caller covers the call".to_owned()
        }
        Verdict::Deny(Denial::GroupsUnknown) => {
            "denied: a policy goes by groups, and the claims leave them out".to_owned()
        }
        Verdict::Deny(Denial::ScopeMissing(scopes)) => {
            format!("denied: the token needs a scope: {}", scopes.join(", "))
        }
    };
    writeln!(out, "verdict     {}", paint.bad(why))?;
    tell_rule(out, verdict)
}

fn tell_good(out: &mut String, verdict: &Verdict, paint: Paint) -> fmt::Result {
    writeln!(out, "verdict     {}", paint.good("allowed"))?;
    tell_rule(out, verdict)
}

fn tell_rule(out: &mut String, verdict: &Verdict) -> fmt::Result {
    match verdict.rule() {
        Some(rule) => writeln!(out, "            {}", rule_text(rule)),
        None => Ok(()),
    }
}

fn would(verdict: &Verdict) -> &'static str {
    match verdict.effect() {
        Effect::Allow => "would be allowed",
        Effect::Approve => "would need an approval",
        Effect::Deny => "would be denied",
    }
}

fn rule_text(rule: &Rule) -> String {
    let (name, effect, calls) = (&rule.name, rule.effect.as_str(), rule.calls.as_str());
    let shadow = if rule.shadow { " (in shadow)" } else { "" };
    format!("{name}: {effect} {calls}{shadow}")
}
