package mongostore

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// eq returns a document of keys and their values.
func eq(pairs ...any) bson.D { return command.Eq(pairs...) }

// wrap adds what was being done to an error, and keeps a nil error nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mongostore: "+format+": %w", append(args, err)...)
}
