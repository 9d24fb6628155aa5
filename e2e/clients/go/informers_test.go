package clients

import (
	"context"
	"fmt"
	"net"
	"sort"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// switchable is a network that can be cut.
type switchable struct {
	lock  sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
}

func (s *switchable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.down {
		return nil, fmt.Errorf("the network is down")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		if s.conns == nil {
			s.conns = map[net.Conn]struct{}{}
		}
		s.conns[conn] = struct{}{}
	}
	return conn, err
}

// cut ends all connections, and allows new ones or not.
func (s *switchable) cut(down bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.down = down
	for conn := range s.conns {
		conn.Close()
	}
	s.conns = nil
}

// forms runs a test with the forms in which informers get their state.
func forms(t *testing.T, test func(t *testing.T, config *rest.Config)) {
	for _, form := range []struct {
		name      string
		watchList bool
		protobuf  bool
	}{
		{"list and watch", false, false},
		{"list and watch, protobuf", false, true},
		{"watch list", true, false},
		{"watch list, protobuf", true, true},
	} {
		t.Run(form.name, func(t *testing.T) {
			clientGates.watchList.Store(form.watchList)
			config := config(t)
			if form.protobuf {
				config = protobuf(config)
			}
			test(t, config)
		})
	}
}

// state is what a store has: each name and version.
func state(objects []*corev1.ConfigMap) string {
	lines := make([]string, 0, len(objects))
	for _, object := range objects {
		lines = append(lines, object.Name+"@"+object.ResourceVersion+"="+object.Data["colour"])
	}
	sort.Strings(lines)
	return strings.Join(lines, " ")
}

func listed(t *testing.T, client kubernetes.Interface, namespace, selector string) string {
	t.Helper()
	list, err := client.CoreV1().ConfigMaps(namespace).List(within(t), metav1.ListOptions{LabelSelector: selector})
	must(t, err)
	objects := make([]*corev1.ConfigMap, 0, len(list.Items))
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	return state(objects)
}

// follow starts an informer, waits until it has its state, and returns what compares it to a list.
func follow(t *testing.T, config *rest.Config, namespace, selector string) func(what string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = selector }))
	informer := factory.Core().V1().ConfigMaps()
	told := map[string]string{}
	var lock sync.Mutex
	_, err = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			lock.Lock()
			defer lock.Unlock()
			name := object.(*corev1.ConfigMap).Name
			if _, known := told[name]; known {
				t.Errorf("%s is added twice", name)
			}
			told[name] = object.(*corev1.ConfigMap).ResourceVersion
		},
		UpdateFunc: func(_, object any) {
			lock.Lock()
			defer lock.Unlock()
			told[object.(*corev1.ConfigMap).Name] = object.(*corev1.ConfigMap).ResourceVersion
		},
		DeleteFunc: func(object any) {
			lock.Lock()
			defer lock.Unlock()
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			delete(told, object.(*corev1.ConfigMap).Name)
		},
	})
	must(t, err)
	stop := make(chan struct{})
	factory.Start(stop)
	t.Cleanup(func() { close(stop); factory.Shutdown() })
	direct := clientset(t)
	compare := func(what string) {
		t.Helper()
		want := listed(t, direct, namespace, selector)
		eventually(t, what, func() (bool, string) {
			objects, err := informer.Lister().List(labels.Everything())
			must(t, err)
			have := state(objects)
			lock.Lock()
			defer lock.Unlock()
			return have == want && len(told) == len(objects), fmt.Sprintf("%s, want %s; told of %d", have, want, len(told))
		})
	}
	eventually(t, "the informer has its state", func() (bool, string) {
		return informer.Informer().HasSynced(), ""
	})
	compare("the first state")
	return compare
}

func TestInformersFollowWhatHappens(t *testing.T) {
	forms(t, func(t *testing.T, config *rest.Config) {
		namespace, direct := namespace(t), clientset(t)
		fill(t, direct, namespace, 40)
		all := follow(t, config, namespace, "")
		odd := follow(t, config, namespace, "odd=true")
		maps := direct.CoreV1().ConfigMaps(namespace)
		for i := range 20 {
			name := fmt.Sprintf("m-%03d", i)
			switch i % 4 {
			case 0:
				must(t, maps.Delete(within(t), name, metav1.DeleteOptions{}))
			case 1, 2:
				// Into the selection, or out of it.
				patch := fmt.Sprintf(`{"metadata":{"labels":{"odd":"%v"}},"data":{"colour":"red"}}`, i%4 == 2)
				_, err := maps.Patch(within(t), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				must(t, err)
			default:
				object, err := maps.Get(within(t), name, metav1.GetOptions{})
				must(t, err)
				object.Data["colour"] = "green"
				_, err = maps.Update(within(t), object, metav1.UpdateOptions{})
				must(t, err)
			}
		}
		all("after writes")
		odd("after writes that change what is selected")
	})
}

func TestInformersGoOnAfterTheNetworkWasCut(t *testing.T) {
	forms(t, func(t *testing.T, config *rest.Config) {
		namespace, direct := namespace(t), clientset(t)
		network := &switchable{}
		config.Dial = network.dial
		fill(t, direct, namespace, 10)
		compare := follow(t, config, namespace, "")
		network.cut(true)
		must(t, direct.CoreV1().ConfigMaps(namespace).Delete(within(t), "m-003", metav1.DeleteOptions{}))
		_, err := direct.CoreV1().ConfigMaps(namespace).Create(within(t), configMap("new", nil), metav1.CreateOptions{})
		must(t, err)
		network.cut(false)
		compare("after the cut")
	})
}

func TestInformersListAnewAfterACompaction(t *testing.T) {
	needsEtcd(t)
	forms(t, func(t *testing.T, config *rest.Config) {
		namespace, direct := namespace(t), clientset(t)
		network := &switchable{}
		config.Dial = network.dial
		fill(t, direct, namespace, 10)
		compare := follow(t, config, namespace, "")
		network.cut(true)
		must(t, direct.CoreV1().ConfigMaps(namespace).Delete(within(t), "m-003", metav1.DeleteOptions{}))
		last, err := direct.CoreV1().ConfigMaps(namespace).Create(within(t), configMap("new", nil), metav1.CreateOptions{})
		must(t, err)
		compact(t, last.ResourceVersion)
		network.cut(false)
		compare("after the compaction")
	})
}

func TestAWatchFromACompactedVersionIsRefusedOrWhole(t *testing.T) {
	needsEtcd(t)
	namespace, direct := namespace(t), clientset(t)
	maps := direct.CoreV1().ConfigMaps(namespace)
	list, err := maps.List(within(t), metav1.ListOptions{})
	must(t, err)
	fill(t, direct, namespace, 5)
	last, err := maps.Create(within(t), configMap("last", nil), metav1.CreateOptions{})
	must(t, err)
	compact(t, last.ResourceVersion)
	watch, err := maps.Watch(within(t), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	must(t, err)
	defer watch.Stop()
	// A server may still have what etcd forgot; but then it has all of it.
	for i := range 6 {
		event := <-watch.ResultChan()
		if status, failed := event.Object.(*metav1.Status); failed && i == 0 {
			equal(t, "code", status.Code, 410)
			return
		}
		want := fmt.Sprintf("m-%03d", i)
		if i == 5 {
			want = "last"
		}
		equal(t, "event", event.Object.(*corev1.ConfigMap).Name, want)
	}
}
