//! A scenario as the text of a file, short enough to be read: what is as it would be anyway is left out, and each step
//! is one line.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::scenario::{Clocks, Disks, End, Lines, Rates, Scenario, Work};

impl Scenario {
    /// The text of a file that [`Scenario::parse`] reads as this scenario.
    ///
    /// # Errors
    /// The writer's own; a scenario that passes [`Scenario::check`] causes none.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut table = Table::try_from(self)?;
        let steps = table.remove("at");
        leave_out::<Lines>(&mut table, "network")?;
        leave_out::<Disks>(&mut table, "disk")?;
        leave_out::<Clocks>(&mut table, "clocks")?;
        leave_out::<Work>(&mut table, "work")?;
        leave_out::<Rates>(&mut table, "faults")?;
        leave_out::<End>(&mut table, "end")?;
        let mut text = toml::to_string(&table)?;
        for step in steps.iter().filter_map(Value::as_array).flatten() {
            text.push_str("\n[[at]]\n");
            for (key, value) in step.as_table().into_iter().flatten() {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        Ok(text)
    }
}

/// Removes what is as in `T`'s default, and the section when nothing is left of it.
fn leave_out<T>(table: &mut Table, section: &str) -> Result<(), toml::ser::Error>
where
    T: Default + Serialize + DeserializeOwned,
{
    let default = Table::try_from(T::default())?;
    let Some(Value::Table(found)) = table.get_mut(section) else {
        return Ok(());
    };
    found.retain(|key, value| default.get(key) != Some(&*value));
    if found.is_empty() {
        table.remove(section);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shrink::written_down;

    #[test]
    fn what_is_written_is_read_again() {
        for scenario in crate::scenarios::all().into_iter().filter(|scenario| scenario.nodes.count <= 100) {
            for seed in 0..5 {
                let written = written_down(&scenario, seed);
                let text = written.to_toml().unwrap();
                assert_eq!(Scenario::parse(&text).unwrap(), written, "{text}");
                assert_eq!(crate::plan::draw(&written, 1_000), crate::plan::draw(&scenario, seed));
            }
        }
    }
}
