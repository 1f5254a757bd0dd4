"""What is made of the network's states, and what is answered from them."""
