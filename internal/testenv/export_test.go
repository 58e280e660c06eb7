package testenv

// WithDatabase is what Mongo does to MONGO_TEST_URI.
var WithDatabase = withDatabase
