// Package clients has tests of an API server by client-go, as controllers and tools use it.
//
// The server is the one of KUBECONFIG. KEELSON_ETCD_ENDPOINT names its etcd where it has one; the tests that
// compact history need it. Each test works in a namespace of its own.
package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/features"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// gates are the feature gates of client-go with one that tests turn on and off.
type gates struct {
	features.Gates
	watchList atomic.Bool
}

func (g *gates) Enabled(key features.Feature) bool {
	if key == features.WatchListClient {
		return g.watchList.Load()
	}
	return g.Gates.Enabled(key)
}

var clientGates *gates

func TestMain(m *testing.M) {
	clientGates = &gates{Gates: features.FeatureGates()}
	features.ReplaceFeatureGates(clientGates)
	os.Exit(m.Run())
}

// config is a configuration of a client that no rate limit holds up.
func config(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(t, err)
	config.QPS = -1
	config.UserAgent = "keelson-e2e"
	return config
}

// protobuf lets a client speak protobuf.
func protobuf(config *rest.Config) *rest.Config {
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return config
}

func clientset(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config(t))
	must(t, err)
	return client
}

// within is the context of a test.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// namespace makes a namespace with a name that no other test has.
func namespace(t *testing.T) string {
	t.Helper()
	made, err := clientset(t).CoreV1().Namespaces().Create(within(t), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "clients-"},
	}, metav1.CreateOptions{})
	must(t, err)
	return made.Name
}

func configMap(name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Data:       map[string]string{"colour": "blue"},
	}
}

// fill makes n config maps, m-000 and on; every other one has the label odd=true.
func fill(t *testing.T, client kubernetes.Interface, namespace string, n int) {
	t.Helper()
	for i := range n {
		labels := map[string]string{"odd": fmt.Sprint(i%2 == 1)}
		object := configMap(fmt.Sprintf("m-%03d", i), labels)
		_, err := client.CoreV1().ConfigMaps(namespace).Create(within(t), object, metav1.CreateOptions{})
		must(t, err)
	}
}

// needsEtcd skips the test where the server has no etcd.
func needsEtcd(t *testing.T) {
	t.Helper()
	if os.Getenv("KEELSON_ETCD_ENDPOINT") == "" {
		t.Skip("the server has no etcd")
	}
}

// compact lets etcd forget all history before the revision.
func compact(t *testing.T, revision string) {
	t.Helper()
	endpoint := os.Getenv("KEELSON_ETCD_ENDPOINT")
	body := fmt.Sprintf(`{"revision": %q, "physical": true}`, revision)
	response, err := http.Post(endpoint+"/v3/kv/compaction", "application/json", strings.NewReader(body))
	must(t, err)
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK && !bytes.Contains(text, []byte("has been compacted")) {
		t.Fatalf("compaction: %s %s", response.Status, text)
	}
}

// eventually waits until a condition holds; the text says what it last was.
func eventually(t *testing.T, what string, condition func() (bool, string)) {
	t.Helper()
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var ok bool
		if ok, last = condition(); ok {
			return
		}
	}
	t.Fatalf("%s: not after %v: %s", what, patience, last)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, have, want T) {
	t.Helper()
	if have != want {
		t.Fatalf("%s: %v, want %v", what, have, want)
	}
}
