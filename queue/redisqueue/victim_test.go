package redisqueue_test

const victimURL = "REDISQUEUE_TEST_URL"

func victim(string) {}
