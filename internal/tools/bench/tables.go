package main

// tables returns all tables, in the order of the page.
func tables(c *config) []*table {
	if c.growth {
		return growthTables(c)
	}
	return []*table{uploadTable(), dedupeTable(), smallTable(), queryTable(c), mongoTable(), queueTable(), idleTable()}
}
