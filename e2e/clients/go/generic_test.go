package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func TestDynamicClient(t *testing.T) {
	namespace := namespace(t)
	client, err := dynamic.NewForConfig(config(t))
	must(t, err)
	maps := client.Resource(configMaps).Namespace(namespace)
	object := func(colour string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "settings"},
			"data":     map[string]any{"colour": colour},
		}}
	}
	made, err := maps.Apply(within(t), "settings", object("blue"), metav1.ApplyOptions{FieldManager: "one"})
	must(t, err)
	events, err := maps.Watch(within(t), metav1.ListOptions{ResourceVersion: made.GetResourceVersion()})
	must(t, err)
	defer events.Stop()
	must(t, unstructured.SetNestedField(made.Object, "red", "data", "colour"))
	_, err = maps.Update(within(t), made, metav1.UpdateOptions{})
	must(t, err)
	_, err = maps.Patch(within(t), "settings", types.MergePatchType, []byte(`{"data":{"colour":"green"}}`), metav1.PatchOptions{})
	must(t, err)
	must(t, maps.Delete(within(t), "settings", metav1.DeleteOptions{}))
	for _, want := range []string{"MODIFIED red", "MODIFIED green", "DELETED green"} {
		event := <-events.ResultChan()
		colour, _, _ := unstructured.NestedString(event.Object.(*unstructured.Unstructured).Object, "data", "colour")
		equal(t, "event", fmt.Sprintf("%s %s", event.Type, colour), want)
	}
	list, err := maps.List(within(t), metav1.ListOptions{})
	must(t, err)
	equal(t, "items left", len(list.Items), 0)
	equal(t, "kind of the list", list.GetKind(), "ConfigMapList")
}

func TestMetadataClient(t *testing.T) {
	namespace, direct := namespace(t), clientset(t)
	fill(t, direct, namespace, 6)
	client, err := metadata.NewForConfig(config(t))
	must(t, err)
	maps := client.Resource(configMaps).Namespace(namespace)
	list, err := maps.List(within(t), metav1.ListOptions{LabelSelector: "odd=true"})
	must(t, err)
	equal(t, "items", len(list.Items), 3)
	equal(t, "name", list.Items[0].Name, "m-001")
	patched, err := maps.Patch(within(t), "m-001", types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"note":"x"}}}`), metav1.PatchOptions{})
	must(t, err)
	equal(t, "annotation", patched.Annotations["note"], "x")
	events, err := maps.Watch(within(t), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	must(t, err)
	defer events.Stop()
	event := <-events.ResultChan()
	equal(t, "event", event.Type, watch.Modified)
	equal(t, "of", event.Object.(*metav1.PartialObjectMetadata).Annotations["note"], "x")
	must(t, maps.Delete(within(t), "m-001", metav1.DeleteOptions{}))
}

// TestInformersOfAnyKind lets informers of the dynamic and the metadata client follow a few writes.
func TestInformersOfAnyKind(t *testing.T) {
	forms(t, func(t *testing.T, config *rest.Config) {
		if config.ContentType != "" {
			t.Skip("the dynamic client speaks JSON")
		}
		namespace, direct := namespace(t), clientset(t)
		fill(t, direct, namespace, 5)
		generic, err := dynamic.NewForConfig(config)
		must(t, err)
		partial, err := metadata.NewForConfig(config)
		must(t, err)
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		followed := map[string]cache.SharedIndexInformer{
			"dynamic": dynamicinformer.NewFilteredDynamicInformer(
				generic, configMaps, namespace, 0, cache.Indexers{}, nil).Informer(),
			"metadata": metadatainformer.NewFilteredMetadataInformer(
				partial, configMaps, namespace, 0, cache.Indexers{}, nil).Informer(),
		}
		for _, informer := range followed {
			go informer.Run(stop)
		}
		for name, informer := range followed {
			eventually(t, name, func() (bool, string) { return informer.HasSynced(), "no state yet" })
		}
		maps := direct.CoreV1().ConfigMaps(namespace)
		must(t, maps.Delete(within(t), "m-002", metav1.DeleteOptions{}))
		_, err = maps.Create(within(t), configMap("new", nil), metav1.CreateOptions{})
		must(t, err)
		for name, informer := range followed {
			eventually(t, name, func() (bool, string) {
				keys := informer.GetStore().ListKeys()
				_, gone, _ := informer.GetStore().GetByKey(namespace + "/m-002")
				_, come, _ := informer.GetStore().GetByKey(namespace + "/new")
				return len(keys) == 5 && !gone && come, fmt.Sprint(keys)
			})
		}
	})
}

func TestTables(t *testing.T) {
	namespace, direct := namespace(t), clientset(t)
	fill(t, direct, namespace, 2)
	config := config(t)
	config.GroupVersion, config.APIPath = &schema.GroupVersion{Version: "v1"}, "/api"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.AcceptContentTypes = "application/json;as=Table;v=v1;g=meta.k8s.io"
	client, err := rest.RESTClientFor(config)
	must(t, err)
	raw, err := client.Get().Namespace(namespace).Resource("configmaps").
		SetHeader("Accept", config.AcceptContentTypes).DoRaw(within(t))
	must(t, err)
	table := &metav1.Table{}
	must(t, json.Unmarshal(raw, table))
	equal(t, "kind", table.Kind, "Table")
	equal(t, "columns", fmt.Sprintf("%d from %s", len(table.ColumnDefinitions), table.ColumnDefinitions[0].Name), "3 from Name")
	equal(t, "rows", len(table.Rows), 2)
	equal(t, "cell", table.Rows[0].Cells[0].(string), "m-000")
}

func TestDiscovery(t *testing.T) {
	client := clientset(t)
	version, err := client.Discovery().ServerVersion()
	must(t, err)
	equal(t, "minor version", version.Minor, "36")
	groups, resources, err := client.Discovery().ServerGroupsAndResources()
	must(t, err)
	if len(groups) < 20 || len(resources) < 20 {
		t.Fatalf("%d groups, %d resource lists", len(groups), len(resources))
	}
	preferred, err := client.Discovery().ServerPreferredNamespacedResources()
	must(t, err)
	if len(preferred) == 0 {
		t.Fatal("no preferred resources")
	}
	mapping, err := restmapper.GetAPIGroupResources(client.Discovery())
	must(t, err)
	mapper := restmapper.NewDiscoveryRESTMapper(mapping)
	found, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	must(t, err)
	equal(t, "resource", found.Resource.String(), "apps/v1, Resource=deployments")
	paths, err := client.Discovery().OpenAPIV3().Paths()
	must(t, err)
	document, err := paths["apis/apps/v1"].Schema("application/json")
	must(t, err)
	if !json.Valid(document) {
		t.Fatal("the OpenAPI document is no JSON")
	}
	v2, err := client.Discovery().OpenAPISchema()
	must(t, err)
	equal(t, "OpenAPI v2 has definitions", len(v2.GetDefinitions().GetAdditionalProperties()) > 500, true)
}

func TestLeaderElection(t *testing.T) {
	namespace, client := namespace(t), clientset(t)
	var leaders, most atomic.Int32
	elected := make(chan string, 10)
	run := func(ctx context.Context, identity string) <-chan struct{} {
		lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, "leader",
			client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: identity})
		must(t, err)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
				Lock: lock, ReleaseOnCancel: true, Name: "test",
				LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 200 * time.Millisecond,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(ctx context.Context) {
						most.Store(max(most.Load(), leaders.Add(1)))
						elected <- identity
						<-ctx.Done()
						leaders.Add(-1)
					},
					OnStoppedLeading: func() {},
				},
			})
		}()
		return ended
	}
	contexts := map[string]context.CancelFunc{}
	ended := map[string]<-chan struct{}{}
	for _, identity := range []string{"a", "b", "c"} {
		ctx, cancel := context.WithCancel(within(t))
		contexts[identity], ended[identity] = cancel, run(ctx, identity)
	}
	// Each hands over when it goes.
	for range 3 {
		select {
		case leader := <-elected:
			contexts[leader]()
			<-ended[leader]
		case <-time.After(patience):
			t.Fatal("nobody is elected")
		}
	}
	equal(t, "leaders at a time", most.Load(), 1)
	lease, err := client.CoordinationV1().Leases(namespace).Get(within(t), "leader", metav1.GetOptions{})
	must(t, err)
	if *lease.Spec.LeaseTransitions < 2 {
		t.Fatalf("%d transitions", *lease.Spec.LeaseTransitions)
	}
}
