"""who gets the next caller"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'f27d90c4e8b1'
down_revision = 'c8e4b1f70a35'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('waiting_caller',
    sa.Column('switch', sa.String(length=40), nullable=False),
    sa.Column('uid', sa.String(length=150), nullable=False),
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('switch', 'uid', name=op.f('pk_waiting_caller'))
    )
    op.create_table('ring',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('switch', sa.String(length=40), nullable=False),
    sa.Column('uid', sa.String(length=150), nullable=False),
    sa.Column('line', sa.String(length=80), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_ring_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_ring'))
    )
    with op.batch_alter_table('ring', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ring_until'), ['until'], unique=False)
    op.create_table('queue_routing',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('needs', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_queue_routing'))
    )
    op.create_table('agent_skill',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('skill', sa.String(length=40), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_agent_skill_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'skill', name=op.f('pk_agent_skill'))
    )


def downgrade() -> None:
    op.drop_table('agent_skill')
    op.drop_table('queue_routing')
    op.drop_table('ring')
    op.drop_table('waiting_caller')
