"""The commands of `fairpool`, one noun a file."""

from typing import Final

# Whether the data directory was named: `demo` keeps its ledger then, and only then.
DATA_IS_CHOSEN: Final = "fairpool.data_is_chosen"
