package testenv

// WithDatabase is what Mongo does to MONGO_TEST_URI.
var WithDatabase = withDatabase

// Mongotestd finds the program.
var Mongotestd = mongotestd
