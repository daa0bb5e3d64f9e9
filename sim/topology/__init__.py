"""The topology: datacenters, routers and links as a document, the shapes that make them, and routes between them."""
