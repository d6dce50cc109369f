//! Floor 3: the Model Context Protocol on the wire, as bytes.
