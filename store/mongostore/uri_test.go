package mongostore_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

func TestAMalformedURIIsNotCited(t *testing.T) {
	const secret = "hunter2"
	for _, uri := range []string{
		secret, "mongo://" + secret, "mongodb://u:" + secret + "/x@h/db", "mongodb://u:" + secret + "#x@h/db",
		"mongodb://u:%zz" + secret + "@h/db", "mongodb://u:" + secret + "@127.0.0.1:port/db",
	} {
		if _, err := mongostore.Open(t.Context(), uri, nil); err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "zz") {
			t.Errorf("Open of %s: %v", uri, err)
		}
	}
}

func TestParametersThatMakeAnswersWrongAreRefused(t *testing.T) {
	for _, parameter := range []string{"readPreference=secondaryPreferred", "readconcernlevel=local", "w=1", "wTimeoutMS=5", "maxStalenessSeconds=90"} {
		name, _, _ := strings.Cut(parameter, "=")
		for _, uri := range []string{"mongodb://h/db?" + parameter, "mongodb://u:p@h1,h2/?replicaSet=rs0&" + parameter} {
			if err := mongostore.CheckURI(uri); err == nil || !strings.Contains(err.Error(), "remove the parameter "+name) {
				t.Errorf("%s: %v", uri, err)
			}
		}
	}
}

func TestGoodAddressesOfMongoDBPass(t *testing.T) {
	for _, uri := range []string{
		"mongodb://h", "mongodb://h/db", "mongodb://h1:1,h2:2/db?replicaSet=rs0", "mongodb+srv://u:p@h.example.com/db",
		"mongodb://" + url.UserPassword("u@x", "p:/?#%@").String() + "@127.0.0.1:1/db?authSource=admin", "mongodb://u@h/",
		"mongodb+srv://u:p@h.example.com/db?retryWrites=true&w=majority&readPreference=primary",
	} {
		if err := mongostore.CheckURI(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
