# A day in the life of a Service, by the Ruby client (kubeclient). Prints one JSON line for what it saw at each step.
require "json"
require "kubeclient"

config = Kubeclient::Config.read(ARGV[0])
context = config.context
client = Kubeclient::Client.new(context.api_endpoint, "v1", ssl_options: context.ssl_options, auth_options: context.auth_options)

def say(step, **seen)
  puts JSON.generate({ step: step, **seen })
  $stdout.flush
end

def service(name)
  Kubeclient::Resource.new(
    metadata: { name: name, namespace: "default", labels: { app: "ruby" } },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: "http" }] }
  )
end

say "discovery", services: client.respond_to?(:get_services)

version = client.get_services(namespace: "default").resourceVersion
watcher = client.watch_services(namespace: "default", resource_version: version, label_selector: "app=ruby")
seen = Queue.new
follower = Thread.new { watcher.each { |notice| seen << [notice.type, notice.object.metadata.name] } }

made = client.create_service(service("ruby-web"))
say "create", ip: made.spec.clusterIP.match?(/\A10\.96\./), type: made.spec.type

begin
  client.create_service(service("ruby-web"))
  say "again", code: 201
rescue Kubeclient::HttpError => refusal
  say "again", code: refusal.error_code, message: refusal.message
end

client.patch_service("ruby-web", { metadata: { annotations: { colour: "red" } } }, "default")
changed = client.get_service("ruby-web", "default")
say "patch", colour: changed.metadata.annotations.colour

changed.spec.ports[0].port = 81
say "update", port: client.update_service(changed).spec.ports[0].port

client.delete_service("ruby-web", "default")
begin
  client.get_service("ruby-web", "default")
rescue Kubeclient::ResourceNotFoundError => refusal
  say "gone", code: refusal.error_code
end

say "watch", types: Array.new(4) { seen.pop[0] }
watcher.finish
follower.join(5)
